import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Client, credentials } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** The standard health service of a node, on a connection of its own, with 5 s for each answer. */
export const askHealth = (address: string) => {
  const folder = dirname(createRequire(import.meta.url).resolve('grpc-health-check/package.json'))
  const service = loadSync(join(folder, 'proto/health/v1/health.proto'), { enums: String })['grpc.health.v1.Health']
  const { Check } = service as unknown as Record<
    'Check',
    { path: string; requestSerialize(value: object): Buffer; responseDeserialize(bytes: Buffer): object }
  >
  const client = new Client(address, credentials.createInsecure())
  return {
    check: () =>
      new Promise<object | undefined>((resolve, reject) => {
        client.makeUnaryRequest(
          Check.path,
          Check.requestSerialize,
          Check.responseDeserialize,
          { service: '' },
          { deadline: Date.now() + 5000 },
          (error, answer) => (error === null ? resolve(answer) : reject(error)),
        )
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(client.close()),
  }
}

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext } from 'node:test'
import type { ObjectType } from '../../src/core/define.ts'
import { siteName } from '../../src/core/ids.ts'
import { type CallOptions, type Remote, remoteOf } from '../../src/core/remote.ts'
import type { Transport } from '../../src/core/transport.ts'
import { grpcTransport } from '../../src/link/grpc-transport.ts'
import { createStorageNode, type StorageNode, type StorageNodeOptions } from '../../src/storage-node/node.ts'

/** A folder of the test's own, gone when it ends. */
export const temporaryFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'as-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const startNode = async (t: TestContext, options: Partial<StorageNodeOptions> = {}): Promise<StorageNode> => {
  const node = await createStorageNode({ data: options.data ?? temporaryFolder(t), listen: '127.0.0.1:0', threads: 1, ...options })
  t.after(() => node.close({ graceMs: 1000 }))
  return node
}

export const linkTo = (t: TestContext, address: string, name = 'node'): Transport => {
  const transport = grpcTransport(address, siteName(name))
  t.after(() => transport.close())
  return transport
}

export const remote = <T extends ObjectType>(transport: Transport, type: T, id = 'main', options: CallOptions = {}): Remote<T> =>
  remoteOf(type, id, () => transport, options)

/** A promise with its ends outside: for tests that decide when something happens. */
export const deferred = <T = void>() => {
  let resolve = (_: T) => undefined as void
  const promise = new Promise<T>((settle) => (resolve = settle))
  return { promise, resolve }
}

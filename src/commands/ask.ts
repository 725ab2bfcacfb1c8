import { failure } from '../core/errors.ts'
import { siteName } from '../core/ids.ts'
import type { Transport } from '../core/transport.ts'
import { grpcTransport } from '../link/grpc-transport.ts'
import type { Parsed } from './command.ts'

export const addressOf = (args: Parsed): string => args.text('node') ?? process.env['ACTIVE_STORAGE_NODE'] ?? '127.0.0.1:7070'

export const timeoutOf = (args: Parsed, usual = 60): number => {
  const seconds = Number(args.text('timeout') ?? usual)
  if (!(seconds > 0)) throw failure('invalid-argument', `--timeout ${args.text('timeout')}: use a number of seconds above 0`)
  return seconds * 1000
}

/** Makes calls at one node, without a policy: the commands speak of that node. */
export const asking = async <T>(
  args: Parsed,
  use: (transport: Transport, timeoutMs: number) => Promise<T>,
  usualSeconds?: number,
): Promise<T> => {
  const transport = grpcTransport(addressOf(args), siteName('node'))
  try {
    return await use(transport, timeoutOf(args, usualSeconds))
  } finally {
    await transport.close()
  }
}

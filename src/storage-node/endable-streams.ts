import type { Server, UntypedHandleCall, UntypedServiceImplementation } from '@grpc/grpc-js'

type Ended = { end(): void; once(event: string, listener: () => void): unknown }
const isStream = (call: unknown): call is Ended => typeof call === 'object' && call !== null && 'end' in call && 'once' in call

/**
 * Streams of services that only their client ends: a watched health, an open reflection. A server that stops gracefully
 * would wait for them, so it ends them itself.
 */
export const endableStreams = (server: Server) => {
  const open = new Set<Ended>()
  const tracked = (handle: UntypedHandleCall): UntypedHandleCall => {
    const run = (call: unknown, ...rest: unknown[]): unknown => {
      if (isStream(call)) {
        open.add(call)
        for (const over of ['cancelled', 'finish', 'close']) call.once(over, () => open.delete(call))
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- whatever the handler takes is passed on as it came
      return (handle as (...args: unknown[]) => unknown)(call, ...rest)
    }
    return run
  }
  return {
    /** Where a service is added in the place of the server. */
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the services add themselves, and call nothing else
    server: {
      addService: (definition: Parameters<Server['addService']>[0], handlers: UntypedServiceImplementation) =>
        server.addService(definition, Object.fromEntries(Object.entries(handlers).map(([name, handle]) => [name, tracked(handle)]))),
    } as Server,
    endAll: (): void => {
      for (const stream of open) stream.end()
    },
  }
}

import type { Server } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'
import { endableStreams } from './endable-streams.ts'
import { reflectedFiles } from './reflection.ts'

const SERVICE = 'active_storage.v1.StorageNode'
/** Apart from the node's own health: one whose disk is full still reads, and a restart would not help it. */
const WRITES = 'active_storage.v1.StorageNode.writes'

/** grpc.health.v1 and server reflection, so that load balancers, Kubernetes and grpcurl know the node. */
export const publicServices = () => {
  const health = new HealthImplementation({ '': 'SERVING', [SERVICE]: 'SERVING', [WRITES]: 'SERVING' })
  let stopping = false
  let endStreams = () => {}
  return {
    addTo: (server: Server): void => {
      const streams = endableStreams(server)
      endStreams = streams.endAll
      health.addToServer(streams.server)
      new ReflectionService(reflectedFiles()).addToServer(streams.server)
    },
    /** Whether the disk takes writes now. */
    writable: (now: boolean): void => {
      if (!stopping) health.setStatus(WRITES, now ? 'SERVING' : 'NOT_SERVING')
    },
    stopping: (): void => {
      stopping = true
      for (const service of ['', SERVICE, WRITES]) health.setStatus(service, 'NOT_SERVING')
      endStreams()
    },
  }
}

import type { Server } from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'
import { HealthImplementation } from 'grpc-health-check'
import { packageDefinition } from '../wire/protocol.ts'

const SERVICE = 'active_storage.v1.StorageNode'

/** Adds grpc.health.v1 and server reflection, so that load balancers, Kubernetes and grpcurl know the node. */
export const startPublic = (server: Server): { stopping(): void } => {
  const health = new HealthImplementation({ '': 'SERVING', [SERVICE]: 'SERVING' })
  health.addToServer(server)
  new ReflectionService(packageDefinition).addToServer(server)
  return {
    stopping: () => {
      health.setStatus('', 'NOT_SERVING')
      health.setStatus(SERVICE, 'NOT_SERVING')
    },
  }
}

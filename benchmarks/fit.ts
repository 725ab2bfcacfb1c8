// What training beside the data saves, and what its checkpoints cost: CIFAR-10 (JPEG) as AS_DATA/cifar-10/train.tar.
import { checkpointCost } from './fit/checkpoint-cost.ts'
import { fitClient } from './fit/client.ts'
import { frozenEpochs } from './fit/frozen-epochs.ts'
import { fitLink } from './fit/link.ts'
import type { Measurement } from './support/claim.ts'

export const measurements: readonly Measurement[] = [fitLink, fitClient, frozenEpochs, checkpointCost]

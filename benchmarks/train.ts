// What a step of training costs, against PyTorch's: needs a Python with PyTorch (`python3`, or what PYTHON names).
import { lstmJob, networkJob, resNetJob, transformerJob } from '../examples/training/parity/jobs.ts'
import type { Measurement } from './support/claim.ts'
import { trainingStep } from './train/step.ts'

export const measurements: readonly Measurement[] = [
  trainingStep({ id: 'train-resnet-32', what: 'ResNet-18 for CIFAR-10, batch 32', job: () => resNetJob(18, 32, 2), steps: 1, atMost: 1.6 }),
  trainingStep({
    id: 'train-resnet-128',
    what: 'ResNet-18 for CIFAR-10, batch 128',
    job: () => resNetJob(18, 128, 1),
    steps: 1,
    atMost: 1.6,
  }),
  trainingStep({ id: 'train-lstm', what: 'an LSTM of 64 over 50 steps, batch 64', job: () => lstmJob(64), steps: 10, atMost: 1.2 }),
  trainingStep({
    id: 'train-gcn',
    what: 'a GCN over 10 and 5 neighbours, batch 64',
    job: () => networkJob('gcn', 64),
    steps: 50,
    atMost: 1.2,
  }),
  trainingStep({
    id: 'train-transformer',
    what: 'a transformer encoder over 64 tokens, batch 32',
    job: () => transformerJob(32),
    steps: 5,
    atMost: 1.2,
  }),
]

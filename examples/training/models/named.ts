import type { Graph } from '../../../src/graph/graph.ts'
import { graphSage } from './graph-network.ts'
import { mlp } from './mlp.ts'
import { sequenceClassifier } from './recurrent.ts'
import { resNet } from './resnet.ts'
import { transformer } from './transformer.ts'

/** The words that the plan of the mails asks of its vocabulary, with padding and the unknown word. */
const MAIL_WORDS = 8000 + 2

/** Models by the names that `make-model.ts` takes: the last four are those of the plans beside it. */
export const models = {
  'resnet-8': () => resNet({ depth: 8 }),
  'resnet-14': () => resNet({ depth: 14 }),
  'resnet-18': () => resNet({ depth: 18 }),
  mlp: () => mlp({ features: 3072, outputs: 10 }),
  cifar: () => resNet({ depth: 14 }),
  motes: () => sequenceClassifier({ cell: 'LSTM', features: 2, hidden: 32, classes: 2 }),
  packages: () => graphSage({ features: 2168, projection: 64, hidden: 128, classes: 58, fanouts: [5, 5], dropout: 0.3 }),
  mails: () => transformer({ vocabulary: MAIL_WORDS, classes: 2, steps: 256, width: 32, heads: 4, layers: 1, dropout: 0.1 }),
} satisfies Readonly<Record<string, () => Graph>>

export const isModel = (name: string): name is keyof typeof models => Object.hasOwn(models, name)

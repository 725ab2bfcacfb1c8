// What is trained: where its data lies, what it is measured by, and what it has to reach.
import type { SourcePlan } from '../../src/objects/trainer/spec.ts'

export interface Run {
  readonly title: string
  /** `active-storage put dataset ...`, each. */
  readonly puts: readonly (readonly string[])[]
  /** The samples that it is measured on: what the plan validates with, where nothing else is said. */
  readonly measure: 'accuracy' | 'f1'
  /** What the measure has to reach. */
  readonly goal: number
  /** The measure of what learns nothing, or next to nothing, where the samples' labels alone do not say it. */
  readonly floor?: readonly [name: string, value: number]
}
export type Source = SourcePlan & { readonly batchSize: number }

/** `$AS_DATA` and `$AS_MAILS` are folders that the one who runs it names. */
export const runs = {
  cifar: {
    title: 'ResNet-14 on CIFAR-10 (JPEG)',
    puts: [
      ['cifar-train', '--adopt', '$AS_DATA/cifar-10/train.tar', '--labels', 'class'],
      ['cifar-test', '--adopt', '$AS_DATA/cifar-10/test.tar', '--labels', 'class'],
    ],
    measure: 'accuracy',
    goal: 0.85,
  },
  motes: {
    title: 'LSTM on the anomalies of eight wireless sensor motes, measured on three that it has not seen',
    puts: [
      ['motes', '--adopt', '$AS_DATA/sensor-motes/single-hop.csv', '--group', 'mote_id,indoor', '--label', 'label', '--features', 'humidity,temperature'], // prettier-ignore
      ['motes', '--adopt', '$AS_DATA/sensor-motes/multi-hop.csv', '--group', 'mote_id,indoor', '--label', 'label', '--features', 'humidity,temperature'], // prettier-ignore
    ],
    measure: 'f1',
    goal: 0.7,
  },
  packages: {
    title: 'GraphSAGE on the sections of Debian packages',
    puts: [
      ['packages', '--adopt', '$AS_DATA/package-graph', '--format', 'graph', '--id', 'package', '--label', 'section', '--words', 'words'],
    ],
    measure: 'accuracy',
    goal: 0.65,
    floor: ['the class that most neighbours have, all other labels known', 0.572],
  },
  mails: {
    title: 'Transformer on the mails of SpamAssassin (subject and body)',
    puts: [['mails', '--adopt', '$AS_MAILS/mails.csv', '--id', 'id', '--label', 'label', '--text', 'text']],
    measure: 'accuracy',
    goal: 0.97,
  },
} as const satisfies Readonly<Record<string, Run>>

export type RunName = keyof typeof runs
export const isRun = (name: string): name is RunName => Object.hasOwn(runs, name)

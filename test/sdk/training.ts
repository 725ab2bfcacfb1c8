import type { TestContext } from 'node:test'
import { type Client, connect, type Progress, type TrainingJob, type TrainOptions } from '../../src/index.ts'
import { network, plan, spec } from '../objects/trainer/material.ts'

export const yamlOf = (strategy: string, more = '') => ({ yaml: `version: 1\nstrategy: ${strategy}\n${more}` })
export const clientOf = async (t: TestContext, options: Parameters<typeof connect>[0]): Promise<Client> => {
  const client = await connect({ threads: 1, ...options })
  t.after(() => client.close())
  return client
}
export const through = async (job: TrainingJob): Promise<readonly Progress[]> => {
  const reports: Progress[] = []
  for await (const report of job) reports.push(report)
  return reports
}
export const request = (more: Partial<TrainOptions> = {}): TrainOptions => ({ name: 'main', model: network(), trainer: spec, fit: plan({ epochs: 2 }), ...more }) // prettier-ignore

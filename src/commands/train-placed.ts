import { failure } from '../core/errors.ts'
import { dataset } from '../objects/dataset/dataset.ts'
import { addressOf } from './ask.ts'
import type { Parsed } from './command.ts'
import { print } from './output.ts'
import { readPlan, withVocabulary } from './plan.ts'
import { readModel, writeModel } from './training-files.ts'
import { showRoles } from './training-roles.ts'
import { follow } from './training-view.ts'

const places = ['auto', 'local', 'node', 'cloud'] as const

/** Places a training by a policy, or where the caller says, and goes through it. */
export const trainPlaced = async (name: string, args: Parsed, epochs: number | undefined): Promise<void> => {
  const [model, plan, target] = [args.text('model'), args.text('plan'), args.text('export')]
  if (model === undefined || plan === undefined) throw failure('invalid-argument', '--place begins a training: give --model FILE and --plan FILE') // prettier-ignore
  const place = places.find((known) => known === args.text('place'))
  if (place === undefined) throw failure('invalid-argument', `--place ${args.text('place')}: use ${places.join(', ')}`)
  // What is trained in this process ends with it.
  if (target === undefined && (place === 'auto' || place === 'local'))
    throw failure('invalid-argument', `--place ${place} may train in this process: give --export FILE, which takes the weights home`)
  const [{ trainer: spec, fit: asked }, file] = await Promise.all([readPlan(plan, epochs), readModel(model)])
  if ('members' in asked) throw failure('invalid-argument', `${plan}: members have their places: leave --place out`)
  const [cloud, policy] = [args.text('cloud'), args.text('policy')]
  const { connect } = await import('../sdk/connect.ts')
  const client = await connect({ node: addressOf(args), ...(cloud !== undefined && { cloud }), ...(policy !== undefined && { policy }) })
  try {
    const fit = await withVocabulary(asked, (set) => client.object(dataset, set))
    const job = await client.train({ name, model: file, trainer: spec, fit, ...(place !== 'auto' && { place }) })
    if (!args.flag('json')) print(`at ${job.site}${job.decision === undefined ? '' : `: ${job.decision.because}`}`)
    const { tensors } = await job.trainer.describe()
    if (tensors !== null) showRoles(tensors, args)
    await follow(job, args)
    if (target !== undefined) await writeModel(target, await job.export(), args)
  } finally {
    await client.close()
  }
}

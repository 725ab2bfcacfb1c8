import type { ObjectType } from '../../core/define.ts'
import type { SessionSelf } from '../../core/self.ts'
import { measure } from '../trainer/job.ts'
import type { Recorder } from '../trainer/journal.ts'
import { sourceOf } from '../trainer/source.ts'
import { ready } from '../trainer/spec.ts'
import { opened, settledSpec } from '../trainer/weights.ts'
import { Coordinator } from './coordinator.ts'
import { trainingMember } from './member.ts'
import { type Member, nameOf, type ParallelPlan, type ParallelState } from './plan.ts'
import type { ParallelProgress } from './progress.ts'
import { Roster } from './roster.ts'

/** Members draw masks of their own: from the training's seed and their place in the plan. */
const maskSeedOf = (seed: number, place: number): number => (seed + (place + 1) * 1_000_003) % Number.MAX_SAFE_INTEGER

/** Does the work of a run, as the coordinator of its members. */
export async function* runParallel(
  self: SessionSelf<ParallelState>,
  type: ObjectType,
  recorder: Recorder,
): AsyncGenerator<ParallelProgress> {
  const { state, id } = self
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- held against the schema when it was put; there is one while it runs
  const plan = state.plan as ParallelPlan
  const { file } = ready(state)
  const model = await self.content.read(file, self.signal)
  const spec = settledSpec(state, model)
  const training = await opened(self, state)
  const over = new AbortController()
  const signal = AbortSignal.any([self.signal, over.signal])
  const roster = new Roster(plan.classes)
  try {
    const { validate } = plan
    const measured = validate === undefined ? undefined : { ...(await sourceOf(self, { inputs: state.inputs, spec }, validate)), batchSize: validate.batchSize ?? 64 } // prettier-ignore
    const seat = (member: Member) => {
      const place = roster.seats.length
      const name = nameOf(member)
      roster.add({
        name,
        signal,
        model,
        spec,
        key: `${self.site}/${id}/${name}`,
        remote: () => self.object(trainingMember, id, { at: member.site }),
        stepMs: plan.stepMs ?? 120_000,
        shard: {
          dataset: member.dataset,
          pipeline: member.pipeline ?? plan.pipeline,
          ...(member.split !== undefined && { split: member.split }),
          shuffle: plan.shuffle ?? true,
          seed: plan.seed ?? 0,
          ...(plan.classes !== undefined && { classes: plan.classes }),
          ...(plan.cache !== undefined && { cache: plan.cache }),
          maskSeed: maskSeedOf(spec.seed ?? 0, place),
        },
      })
    }
    plan.members.forEach(seat)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written out, since the type of the object would be made of itself
    const own = self.object(type, id) as unknown as { members(): Promise<readonly Member[]> }
    const coordinator = new Coordinator({
      signal: self.signal,
      plan,
      spec,
      from: state.checkpoint,
      training,
      statistics: (await training.statistics()).size > 0,
      roster,
      recorder,
      joined: async () => (await own.members()).slice(roster.seats.length).forEach(seat),
      measure: measured === undefined ? undefined : () => measure(self, training, measured),
    })
    yield* coordinator.run()
  } finally {
    over.abort()
    await roster.close()
    await training.close()
  }
}

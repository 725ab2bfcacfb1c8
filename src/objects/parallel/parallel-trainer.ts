import { defineObject, type ObjectType } from '../../core/define.ts'
import type { RoleReport } from '../../training/roles/report.ts'
import { failure } from '../../core/errors.ts'
import { bytes, integer, union } from '../../core/schema.ts'
import type { ModelHandle } from '../model/forward.ts'
import { modelHandle } from '../model/schemas.ts'
import { trainerSpec, type TrainerSpec } from '../trainer/spec.ts'
import { beginPlan, internalTurns, takeModel, turnArguments, turns, views, jobOf } from '../trainer/turns.ts'
import type { ParallelProgress } from './progress.ts'
import { checkMembers, member, type Member, parallelPlan, type ParallelPlan, parallelState, type ParallelState } from './plan.ts'

// Loaded by the host that trains, not by clients that know of the type.
const work = () => import('./work.ts')

/**
 * Trains one model on several nodes, each of which has a part of the samples and keeps it. The trainer is their coordinator,
 * on any node that knows the others as peers: gradients or weights go to and fro, samples never do.
 */
export const parallelTrainer = defineObject({
  name: 'parallel-trainer',
  state: (): ParallelState => ({ file: null, inputs: [], spec: null, plan: null, status: 'new', run: 0, error: null, checkpoint: null, earlier: [] }), // prettier-ignore
  schema: parallelState,
  methods: {
    ...turns,
    /**
     * Takes a model, and how it is trained. What was trained before is forgotten.
     * @returns which tensors are trained, frozen, buffers and constants, each with why, and what is doubtful (`warnings`)
     * @throws `bad-model`, `unsupported` naming the node; `invalid-argument` for a spec that does not fit the model
     */
    put: (self, given: Uint8Array | ModelHandle, spec: TrainerSpec): Promise<RoleReport> => takeModel(self, given, spec),
    /** Begins a plan from the model's first weights. @returns the number for `run`, which does the work */
    fit(self, plan: ParallelPlan): number {
      checkMembers(plan.members)
      return beginPlan(self, plan)
    },
    /** Adds a member: where the trainer is training, it takes part soon after the next report. */
    join(self, added: Member): void {
      const { plan } = self.state
      if (plan === null) throw failure('not-found', 'nothing was begun: fit a plan')
      const members = [...plan.members, added]
      checkMembers(members)
      self.state.plan = { ...plan, members }
    },
  },
  readonly: {
    ...views,
    members: (self): readonly Member[] => self.state.plan?.members ?? [],
  },
  sessions: {
    /**
     * Does the work of a run that `fit` or `resume` has begun, and reports. Where its reader leaves, it stops; `resume` goes on.
     * @throws `fenced` where another run has begun since; `unavailable` where no member is there
     */
    async *run(self, run: number): AsyncGenerator<ParallelProgress> {
      const type: ObjectType = parallelTrainer
      yield* jobOf(self, type, run, async function* (recorder) {
        yield* (await work()).runParallel(self, type, recorder)
      })
    },
  },
  arguments: {
    ...turnArguments,
    put: [union([bytes(), modelHandle]), trainerSpec],
    fit: [parallelPlan],
    join: [member],
    members: [],
    run: [integer()],
  },
  internal: internalTurns,
})

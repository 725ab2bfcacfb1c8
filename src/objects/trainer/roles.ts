import type { DeepReadonly, MovableSelf } from '../../core/self.ts'
import { fold } from '../../graph/fold.ts'
import type { Model } from '../../graph/model.ts'
import { readGraph } from '../../graph/read.ts'
import { upgrade } from '../../graph/upgrade.ts'
import { outputOf } from '../../training/loss.ts'
import { decide } from '../../training/roles/decide.ts'
import type { Role, RoleKind } from '../../training/roles/kinds.ts'
import { type RoleReport, reportOf } from '../../training/roles/report.ts'
import type { Decision } from '../../training/roles/signs.ts'
import { lossesOf } from './feeds.ts'
import { ready, type Trained, type TrainerSpec } from './spec.ts'

/** What a spec makes of each tensor of a model. @throws ActiveStorageError `invalid-argument`, `bad-model`, `unsupported` */
export const decisionOf = (model: Model, spec: TrainerSpec): Decision => {
  const raised = fold(upgrade(model.graph))
  const outputs = lossesOf(spec).map((loss) => outputOf([...raised.outputs.keys()], loss))
  return decide(model, raised, { trainable: spec.trainable, paddingRows: spec.paddingRows, outputs })
}

type Able = Pick<MovableSelf, 'content' | 'signal'>
const decided = async (self: Able, state: DeepReadonly<Trained>): Promise<Decision> => {
  const { file } = ready(state)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- held against the schema when it was put
  return decisionOf(readGraph(await self.content.read(file, self.signal)), state.spec as TrainerSpec)
}

/** The report of `put`, made again. */
export const describeRoles = async (self: Able, state: DeepReadonly<Trained>): Promise<RoleReport> => reportOf(await decided(self, state))

export interface RolesAsked {
  /** Default all kinds. */
  readonly kind?: RoleKind
  /** Tensors to leave out at the beginning. Default 0. */
  readonly skip?: number
  /** Default, and at the most, 1000. */
  readonly limit?: number
}
/** Tensors with what they are in training, in the order of the file. */
export const listRoles = async (
  self: Able,
  state: DeepReadonly<Trained>,
  { kind, skip = 0, limit = 1000 }: RolesAsked,
): Promise<readonly Role[]> => {
  const { roles } = await decided(self, state)
  return roles.filter((role) => kind === undefined || role.kind === kind).slice(skip, skip + limit)
}

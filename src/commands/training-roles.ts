import type { RolesAsked } from '../objects/trainer/roles.ts'
import type { Role } from '../training/roles/kinds.ts'
import type { RoleGroup, RoleReport } from '../training/roles/report.ts'
import type { Parsed } from './command.ts'
import { print, toJson } from './output.ts'

/** Names of each kind in the summary. */
const NAMED = 8
const PAGE = 1000

const line = (kind: string, { tensors, elements, first }: RoleGroup): string => {
  const names = first.slice(0, NAMED).map(({ name }) => name)
  return `${kind}: ${tensors} tensors, ${elements} elements${tensors === 0 ? '' : `: ${names.join(', ')}${tensors > names.length ? ', ...' : ''}`}`
}
const complain = (text: string): void => void process.stderr.write(`${text}\n`)

/** Shows what is trained of a model that was put, on standard error: standard output is for the training's reports. */
export const showRoles = ({ trained, frozen, buffers, constants, paddingRows, warnings, notes }: RoleReport, args: Parsed): void => {
  if (!args.flag('json')) {
    complain(line('trained', trained))
    complain(line('frozen', frozen))
    complain(line('buffers', buffers))
    complain(line('constants', constants))
    for (const [name, row] of Object.entries(paddingRows)) complain(`padding: row ${row} of ${name} is not trained by look-ups`)
  }
  if (!args.flag('json')) for (const note of notes) complain(`note: ${note}`)
  for (const warning of warnings) complain(`warning: ${warning}`)
}

/** Prints all tensors of a trainer's model with what they are in training, and why. */
export const listTensors = async (page: (asked: RolesAsked) => Promise<readonly Role[]>, args: Parsed): Promise<void> => {
  for (let skip = 0; ; skip += PAGE) {
    const roles = await page({ skip, limit: PAGE })
    for (const role of roles)
      print(args.flag('json') ? toJson(role) : `${role.kind.padEnd(8)}  ${role.name} [${role.shape.join(', ')}]  ${role.why}`)
    if (roles.length < PAGE) return
  }
}

import assert from 'node:assert/strict'
import { defineObject, type MethodEntry } from '../../../src/core/define.ts'
import { trainingMember } from '../../../src/objects/parallel/member.ts'

/** The process that loads this is killed at a step of a training, when it has done it and before it answers. */
const LAST_STEP = 40

const entries: unknown = trainingMember.entries
assert.ok(entries instanceof Map)
const entry = entries.get('step') as MethodEntry
let steps = 0
const dying = async (...args: never[]) => {
  const made: unknown = await entry.run(...(args as unknown as [never]))
  if (++steps === LAST_STEP) process.kill(process.pid, 'SIGKILL')
  return made
}
entries.set('step', { ...entry, run: dying })

export const dyingObject = defineObject({ name: 'dying', readonly: { steps: () => steps } })

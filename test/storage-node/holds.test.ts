import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ActiveStorageError } from '../../src/core/errors.ts'
import { createAdmission, defaultAdmission } from '../../src/storage-node/admission.ts'
import type { Hold } from '../../src/storage-node/holds.ts'

const MIB = 1024 ** 2

/** A call whose other end has been idle for so long, and which gives its bytes back where it has to give way. */
const idleCall = (admission: ReturnType<typeof createAdmission>, ms: number) => {
  const evicted: string[] = []
  const hold: Hold = admission.hold({
    idleMs: () => ms,
    evict(error: ActiveStorageError) {
      evicted.push(error.code)
      hold.release()
    },
  })
  return { hold, evicted }
}

test('where bytes are short, calls whose other end is idle give way, the idlest first and no more than needed', () => {
  const admission = createAdmission({ ...defaultAdmission, bytes: 40 * MIB })
  const [busy, idle, idlest] = [idleCall(admission, 0), idleCall(admission, 3000), idleCall(admission, 9000)]
  for (const { hold } of [busy, idle, idlest]) hold.take(10 * MIB)
  admission.hold().take(15 * MIB)
  assert.deepEqual([busy.evicted, idle.evicted, idlest.evicted], [[], [], ['overloaded']])
  assert.throws(() => admission.hold().take(40 * MIB), { code: 'overloaded' })
  assert.deepEqual([busy.evicted, idle.evicted], [[], ['overloaded']])
})

test('a call larger than one may be is refused, alone or not; a result that is there already is not', () => {
  const admission = createAdmission({ ...defaultAdmission, bytes: 10 * MIB, callBytes: 20 * MIB })
  const hold = admission.hold()
  assert.throws(() => hold.take(21 * MIB), { code: 'too-large', message: /the most is 20971520/ })
  hold.take(20 * MIB)
  assert.throws(() => hold.take(1), { code: 'too-large' })
  hold.exchange(100)
  assert.equal(admission.argumentBytes, 100)
  hold.exchange(30 * MIB)
  assert.equal(admission.argumentBytes, 30 * MIB)
  hold.release()
  hold.giveBack(5)
  assert.equal(admission.argumentBytes, 0)
})

test('a call that is over holds nothing, whatever it takes afterwards', () => {
  const admission = createAdmission({ ...defaultAdmission, bytes: 10 * MIB })
  const hold = admission.hold()
  hold.take(100)
  hold.end()
  hold.take(200)
  hold.takeResult(300)
  hold.exchange(400)
  assert.deepEqual([hold.bytes, admission.argumentBytes], [0, 0])
})

import { ContentRef } from '../../core/content.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes } from '../../wire/stored.ts'
import { decodeArriving } from '../objects/moves.ts'
import { decodeRecord, stateBytesOf } from '../objects/record.ts'
import { referencesIn } from '../objects/references.ts'
import { arrivingPlace, contentTarget, entryPlace, recordPlace, targetsIn, targetsOfState } from '../objects/uses.ts'
import { keyOf, partsOf } from '../store/store.ts'
import { reasonOf } from './findings.ts'
import { rowsOf } from './rows.ts'
import { createUsesCheck } from './uses-check.ts'
import type { Verification } from './verify.ts'

/** Whose a space is. A dead one is noted as such, and its entries are on their way out. */
interface Owner {
  readonly whose: string
  readonly dead: boolean
}

/** Objects with their states and tables, what they refer to, and the notes of that. */
export const checkObjects = async (verification: Verification): Promise<void> => {
  const { store, content, name, counts, found, tell } = verification
  const uses = createUsesCheck(verification)
  const spaces = new Map<string, Owner>()

  const owns = (space: string, owner: Owner) => {
    const other = spaces.get(space)
    if (other === undefined) spaces.set(space, owner)
    else found('record', owner.whose, `has its tables in one space with ${other.whose}`)
  }
  const here = (hash: ContentRef['hash']): boolean => {
    try {
      return content.has(hash)
    } catch {
      return true // the note of an adopted file is damaged, and found as such
    }
  }
  const references = (value: Value, whose: string) => {
    for (const ref of referencesIn(value)) {
      counts.references++
      if (ref instanceof ContentRef && (name === undefined || ref.home === name) && !here(ref.hash))
        found('missing-content', whose, `refers to content ${ref.hash} at home on ${ref.home}, and that is not here`)
    }
  }

  const record = async (type: string, id: string, bytes: Buffer) => {
    const whose = `${type}/${id}`
    const { space, state } = decodeRecord(bytes, whose)
    owns(space, { whose, dead: false })
    if (state instanceof ContentRef && !here(state.hash)) {
      found('missing-content', whose, `has its state in content ${state.hash}, and that is not here`)
      uses.unknown()
      return
    }
    const encoded = await stateBytesOf(state, async ({ hash }) => (await content.read(hash)) ?? new Uint8Array())
    references(fromBytes(encoded), whose)
    uses.expect(recordPlace(type, id), targetsOfState(state, encoded), whose)
  }
  for await (const [key, bytes] of rowsOf(store, keyOf('object'))) {
    const [, type = '', id = ''] = partsOf(key)
    counts.objects++
    tell()
    try {
      await record(type, id, bytes)
    } catch (error) {
      found('record', `${type}/${id}`, reasonOf(error))
      uses.unknown()
    }
  }

  for await (const [key] of rowsOf(store, keyOf('space'))) owns(partsOf(key)[1] ?? '', { whose: 'a deleted object or a copy', dead: true })
  for await (const [key, bytes] of rowsOf(store, keyOf('arriving'))) {
    const [, type = '', id = ''] = partsOf(key)
    const whose = `${type}/${id}, on its way here`
    try {
      const arriving = decodeArriving(bytes)
      if (arriving === undefined) throw new Error('the note of the move does not say where from')
      owns(arriving.space, { whose, dead: false })
      references(arriving.record, whose)
    } catch (error) {
      found('move', whose, reasonOf(error))
    }
  }
  for await (const [key] of rowsOf(store, keyOf('arriving-content'))) {
    const [, type = '', id = '', hash = ''] = partsOf(key)
    uses.expect(arrivingPlace(type, id), new Set([contentTarget(hash)]), `${type}/${id}, on its way here`)
  }

  for await (const [key, bytes] of rowsOf(store, keyOf('table'))) {
    const [, space = '', table = '', entry = ''] = partsOf(key)
    const owner = spaces.get(space)
    const whose = `entry "${entry}" of table "${table}" of ${owner?.whose ?? `space ${space}`}`
    counts.entries++
    tell()
    if (owner === undefined)
      found('lost-entry', whose, 'no object that can be read has its space, and no note says that it is cleared away')
    try {
      const value = fromBytes(bytes)
      if (owner?.dead === false) references(value, whose)
      uses.expect(entryPlace(key), targetsIn(bytes), whose)
    } catch (error) {
      found('entry', whose, reasonOf(error))
      uses.unknown()
    }
  }
  await uses.finish()
}

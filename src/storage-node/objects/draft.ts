import type { ObjectType } from '../../core/define.ts'
import type { Content, Table } from '../../core/self.ts'
import { nextSlice, sliceIsOver } from '../../core/slices.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes, toBytesInSlices } from '../../wire/stored.ts'
import type { Write } from '../store/store.ts'
import { encodeRecord, keepState, newSpace, type ObjectRecord, recordKey, spacePrefix } from './record.ts'
import { deadSpace, usedSpace } from './spaces.ts'
import { openTable, type View, Writes } from './tables.ts'
import { entryUses, recordPlace, targetsOfState, usesChanged } from './uses.ts'

/**
 * Table entries that one commit changes at the most, some 20 ms of the main thread. What changes more is written to a space
 * of its own, in small commits, which the turn's commit then puts in the place of the old one.
 */
const MOST_ENTRIES = 5000

/** Makes a space with the entries of another and these changes. @returns its name */
export type FillSpace = (from: string, changed: Writes) => Promise<string>

/** What a turn makes of one object, until it is committed: all of it or nothing. */
export class Draft {
  readonly type: ObjectType
  readonly id: string
  /** What was there when the turn began. */
  readonly before: ObjectRecord | undefined
  /** Writes beside the record: table entries, recorded results, what a change of life needs. */
  readonly writes = new Writes()
  /** Ends the turns of other objects that this turn has taken in. */
  readonly heldBeside: (() => void)[] = []
  /** Run once the commit is on disk. */
  readonly afterwards: (() => void)[] = []
  state: unknown
  fence: number
  space: string
  versionOf: ObjectRecord['versionOf']
  /** The object is gone when this is committed. */
  deleted = false
  /** The turn is not about the object, which need not be here, but about what is kept beside it. */
  readonly beside: boolean
  /** Told where the commit is lost. */
  lost: (() => void) | undefined
  /** Awaited between the commit and the reply. */
  beforeReply: (() => Promise<void>) | undefined
  /** Calls that came back to the object within this turn: under way now, and begun so far. */
  #inside = 0
  #begun = 0
  #doom: { readonly error: unknown } | undefined
  readonly #view: View
  /** The encoded state as the turn found it. */
  readonly #bytes: Buffer | undefined

  constructor(
    view: View,
    type: ObjectType,
    id: string,
    stored: { record: ObjectRecord; bytes: Buffer; state: unknown } | undefined,
    beside = false,
  ) {
    this.beside = beside
    this.#view = view
    this.type = type
    this.id = id
    this.before = stored?.record
    this.#bytes = stored?.bytes
    this.state = stored === undefined ? type.initial?.() : stored.state
    this.fence = stored?.record.fence ?? 0
    this.space = stored?.record.space ?? newSpace()
    this.versionOf = stored?.record.versionOf
  }

  get version(): number {
    return this.before?.version ?? 0
  }

  /** A key of the store as the turn sees it. */
  get(key: string): Buffer | undefined {
    return this.writes.has(key) ? this.writes.get(key) : this.#view.get(key)
  }

  put(writes: readonly Write[]): void {
    for (const { key, value } of writes) this.writes.set(key, value)
  }

  table(name: string): Table {
    return openTable(this.#view, this.space, name, this.writes)
  }

  /**
   * Runs a method of a call that came back to the object. Where it throws, what it changed is undone. Such calls may run
   * side by side; of those nobody can tell whose change is whose, so then the whole turn fails.
   */
  async inside<T>(method: () => T): Promise<Awaited<T>> {
    const alone = this.#inside++ === 0
    const nth = ++this.#begun
    const state = toBytes(valueOf(this.state))
    const writes = new Map(this.writes)
    try {
      return await method()
    } catch (error) {
      if (!alone || nth !== this.#begun) this.#doom ??= { error }
      else {
        this.state = fromBytes(state)
        this.writes.clear()
        for (const [key, value] of writes) this.writes.set(key, value)
      }
      throw error
    } finally {
      this.#inside--
    }
  }

  /** What to write so that the store holds what this draft says. Nothing where nothing changed. */
  async changes(put: Content['put'], fill: FillSpace): Promise<readonly Write[]> {
    if (this.#doom !== undefined) throw this.#doom.error
    const own = spacePrefix(this.space)
    const large = !this.beside && !this.deleted && this.writes.size > MOST_ENTRIES
    const writes: Write[] = []
    let entries = false
    for (const [key, value] of this.writes) {
      const isEntry = key.startsWith(own)
      entries ||= isEntry
      if (!isEntry || !large) writes.push({ key, value })
      if (isEntry && !large) writes.push(...entryUses(key, this.#view.get(key), value))
      if (sliceIsOver()) await nextSlice()
    }
    if (large && entries) {
      this.space = await fill(this.space, this.writes)
      writes.push(usedSpace(this.space))
    }
    if (this.beside) return writes
    const key = recordKey(this.type.name, this.id)
    const { before } = this
    const place = recordPlace(this.type.name, this.id)
    const old = before === undefined || this.#bytes === undefined ? new Set<string>() : targetsOfState(before.state, this.#bytes)
    if (this.deleted) {
      if (before !== undefined) writes.push({ key, value: undefined }, deadSpace(before.space), ...usesChanged(place, old, new Set()))
      return writes
    }
    const bytes = await toBytesInSlices(valueOf(this.state))
    const same = before !== undefined && this.#bytes?.equals(bytes) === true
    const state = same ? before.state : await keepState(bytes, put)
    const record = { version: this.version, fence: this.fence, declared: this.type.version, space: this.space, state }
    const versionOf = this.versionOf === undefined ? {} : { versionOf: this.versionOf }
    // What is written beside the object (a recorded result, a version of it) does not change it.
    if (same && !entries && before.fence === this.fence && before.space === this.space && before.declared === this.type.version)
      return writes
    if (before !== undefined && before.space !== this.space) writes.push(deadSpace(before.space))
    if (!same) writes.push(...usesChanged(place, old, targetsOfState(state, bytes)))
    writes.push({ key, value: encodeRecord({ ...record, ...versionOf, version: this.version + 1 }) })
    return writes
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- encoding checks it, value by value
const valueOf = (thing: unknown): Value => thing as Value

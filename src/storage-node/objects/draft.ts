import type { ObjectType } from '../../core/define.ts'
import type { Table } from '../../core/self.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import type { Write } from '../store/store.ts'
import { encodeRecord, newSpace, type ObjectRecord, recordKey, spacePrefix } from './record.ts'
import { deadSpace } from './spaces.ts'
import { openTable, type View, type Writes } from './tables.ts'

/** What a turn makes of one object, until it is committed: all of it or nothing. */
export class Draft {
  readonly type: ObjectType
  readonly id: string
  /** What was there when the turn began. */
  readonly before: ObjectRecord | undefined
  /** Writes beside the record: table entries, recorded results, what a change of life needs. */
  readonly writes: Writes = new Map()
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
  readonly #bytes: Buffer | undefined

  constructor(
    view: View,
    type: ObjectType,
    id: string,
    stored: { bytes: Buffer; record: ObjectRecord; state: unknown } | undefined,
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
  changes(): readonly Write[] {
    if (this.#doom !== undefined) throw this.#doom.error
    const key = recordKey(this.type.name, this.id)
    const writes = Array.from(this.writes, ([at, value]) => ({ key: at, value }))
    if (this.beside) return writes
    if (this.deleted) return this.before === undefined ? writes : [...writes, { key, value: undefined }, deadSpace(this.before.space)]
    const record = { fence: this.fence, declared: this.type.version, space: this.space, state: valueOf(this.state) }
    const versionOf = this.versionOf === undefined ? {} : { versionOf: this.versionOf }
    const made = (version: number) => encodeRecord({ ...record, ...versionOf, version })
    // What is written beside the object (a recorded result, a version of it) does not change it.
    const own = spacePrefix(this.space)
    if (this.#bytes?.equals(made(this.version)) === true && !writes.some((write) => write.key.startsWith(own))) return writes
    if (this.before !== undefined && this.before.space !== this.space) writes.push(deadSpace(this.before.space))
    return [...writes, { key, value: made(this.version + 1) }]
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- encoding checks it, value by value
const valueOf = (thing: unknown): Value => thing as Value

import { failure } from '../../core/errors.ts'
import type { Point } from '../trainer/spec.ts'

/** What a member has of an epoch. */
export interface Entry {
  /** Samples in all. */
  count: number
  /** Samples that have been counted: those before this place in the member's order of the epoch. */
  next: number
  /** Of the samples' ids: an order means nothing where these are others. */
  readonly digest: string
}

/** As a checkpoint has it. */
export type Kept = readonly (Readonly<Entry> & { readonly name: string })[]

/**
 * Which samples of an epoch have been counted. A member's are taken in its order of the epoch, one part after the other, and
 * a part counts when the step that it is in has been made: so one number for each member says it all.
 */
export class Ledger {
  readonly #entries = new Map<string, Entry>()

  constructor(kept: Kept = []) {
    for (const { name, count, next, digest } of kept) this.#entries.set(name, { count, next, digest })
  }
  /** A member that is there, for the first time or again. @throws `content-changed` where it has other samples than before */
  enter(name: string, count: number, digest: string): void {
    const known = this.#entries.get(name)
    if (known === undefined) this.#entries.set(name, { count, next: 0, digest })
    else if (known.digest !== digest)
      throw failure('content-changed', `the data set of member "${name}" has changed since training began: ${known.count} samples were there, and ${count} are; fit anew`) // prettier-ignore
  }
  has(name: string): boolean {
    return this.#entries.has(name)
  }
  of(name: string): Readonly<Entry> {
    return this.#entries.get(name) ?? { count: 0, next: 0, digest: '' }
  }
  left(name: string): number {
    const { count, next } = this.of(name)
    return count - next
  }
  take(name: string, samples: number): void {
    const entry = this.#entries.get(name)
    if (entry === undefined || samples < 0 || entry.next + samples > entry.count) throw failure('internal', `member "${name}" has counted more samples than it has`) // prettier-ignore
    entry.next += samples
  }
  get total(): number {
    return [...this.#entries.values()].reduce((sum, { count }) => sum + count, 0)
  }
  newEpoch(): void {
    for (const entry of this.#entries.values()) entry.next = 0
  }
  get plain(): NonNullable<Point['ledger']> {
    return [...this.#entries].map(([name, entry]) => ({ name, ...entry }))
  }
}

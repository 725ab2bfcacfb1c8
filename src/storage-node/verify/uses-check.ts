import type { Targets } from '../objects/uses.ts'
import { keyOf, partsOf } from '../store/store.ts'
import { rowsOf } from './rows.ts'
import type { Verification } from './verify.ts'

/** Holds the notes of who refers to what against the references that there are. */
export const createUsesCheck = ({ store, found }: Pick<Verification, 'store' | 'found'>) => {
  let noted = 0
  let certain = true
  return {
    /** Told of each place that refers to something. */
    expect(place: string, targets: Targets, whose: string): void {
      for (const target of targets) {
        if (store.get(target + place) !== undefined) noted++
        else {
          const [, kind, ...of] = partsOf(target)
          found('missing-use', whose, `refers to ${kind} ${of.join('/')}, and no note of it is there`)
        }
      }
    },
    /** Told of a place that cannot be read: what it refers to may be noted. */
    unknown(): void {
      certain = false
    },
    /** Every note that no place has asked for is one too many. */
    async finish(): Promise<void> {
      let all = 0
      for await (const _ of rowsOf(store, keyOf('use'))) all++
      if (certain && all > noted) found('extra-use', 'the notes of who refers to what', `${all - noted} of ${all} stand for no reference`)
    },
  }
}

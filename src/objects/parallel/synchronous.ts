import { failure } from '../../core/errors.ts'
import { averaged, sharesOf } from './average.ts'
import type { Averaged, Gathered } from './member.ts'
import { digestOf } from './member-work.ts'
import { type Mode, numbersOf, type Shared, stocksOf } from './mode.ts'
import type { Seat } from './seat.ts'
import { SteadyTakes, takesByCount, withoutSingles } from './takes.ts'

/** Each step is one of all members, by the mean of their gradients. A step reaches a member with the next one's call. */
export class Synchronous implements Mode {
  readonly #shared: Shared
  readonly #takes = new SteadyTakes()
  /** The last step, for members that have not made it. */
  #last: Averaged | undefined
  learningRate = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** One step of all, by the mean of the gradients of those who gave theirs. */
  async advance(open: readonly Seat[], epoch: number): Promise<void> {
    const { plan, spec, roster, ledger, journal, own, statistics: needed } = this.#shared
    const stocks = stocksOf(open, ledger)
    const given =
      plan.balance === 'remaining'
        ? takesByCount(stocks, plan.batchSize)
        : this.#takes.of(
            open.map(({ name }) => name),
            stocks,
            plan.batchSize,
          )
    const takes = needed ? withoutSingles(given, stocks) : given
    const places = new Map(open.map((seat, i) => [seat, { epoch, from: ledger.of(seat.name).next, count: takes[i] ?? 0 }]))
    const { step, learningRate } = numbersOf(spec, journal.step + 1)
    const answers = await roster.ask(
      roster.here.filter((seat) => this.#behind(seat) !== undefined || (places.get(seat)?.count ?? 0) > 0),
      async (seat) => {
        const [apply, its] = [this.#behind(seat), places.get(seat)]
        const gathered = await seat.step({
          ...(apply !== undefined && { apply }),
          ...(its !== undefined && its.count > 0 && { gather: { ...its, draw: step } }),
        })
        seat.at = step - 1
        return gathered
      },
    )
    const parts = answers.flatMap(({ seat, done }) => (done === null ? [] : [{ seat, done, count: places.get(seat)?.count ?? 0 }]))
    // All who were asked are gone: the step is made by others, or later.
    if (parts.length === 0) return
    const { shares, gradients, statistics } = joined(parts)
    this.#last = await own.apply(gradients, statistics, { step, learningRate })
    this.learningRate = learningRate
    let [loss, correct, counted, samples] = [0, 0, 0, 0]
    for (const [i, { seat, done, count }] of parts.entries()) {
      ledger.take(seat.name, count)
      loss += (shares[i] ?? 0) * done.told.loss
      correct += done.told.correct ?? 0
      counted += done.told.counted ?? 0
      samples += count
    }
    journal.add({ loss, ...(counted > 0 && { correct, counted }) }, samples)
  }
  /** The step that a member has yet to make. */
  #behind({ at }: Seat): Averaged | undefined {
    return this.#last !== undefined && at < this.#last.step ? this.#last : undefined
  }

  async bringAll(): Promise<void> {
    const { roster, journal, own: copy } = this.#shared
    const { step } = journal
    await roster.ask(roster.here, async (seat) => {
      const apply = this.#behind(seat)
      if (apply !== undefined) await seat.step({ apply })
      seat.at = step
      await seat.askDigest()
    })
    const state = await copy.state()
    const own = digestOf(new Map(Object.entries(state)))
    // Other processors may round otherwise.
    for (const seat of roster.here) {
      seat.drifted = seat.digest !== own
      if (seat.drifted) await seat.admit(state, step)
    }
  }
}

interface Part {
  readonly done: Gathered
  readonly count: number
}
/** Gradients by what their losses weigh, running statistics by samples. @throws `training-diverged` where nothing counts */
const joined = (parts: readonly Part[]) => {
  if (parts.every(({ done }) => done.weights.every((weight) => weight === 0)))
    throw failure('training-diverged', 'no element of a batch counts, so its loss is no number: leave out samples whose labels are all ignored, or take larger batches') // prettier-ignore
  const shares = sharesOf(parts.map(({ done }) => done.weights))
  const gradients = averaged(parts.map(({ done }, i) => ({ tensors: done.gradients, share: shares[i] ?? 0 })))
  const samples = parts.reduce((sum, { count }) => sum + count, 0)
  const statistics = averaged(parts.map(({ done, count }) => ({ tensors: done.statistics, share: count / samples })))
  return { shares, gradients, statistics }
}

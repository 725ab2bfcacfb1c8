import { averaged } from './average.ts'
import { type Mode, numbersOf, type Shared, stocksOf } from './mode.ts'
import type { Seat } from './seat.ts'
import { roundSteps, samplesIn } from './takes.ts'

const LOCAL_STEPS = 16

/** Members make steps by themselves, and then go on from the mean of what these have come to. */
export class LocalSteps implements Mode {
  readonly #shared: Shared
  learningRate = 0

  constructor(shared: Shared) {
    this.#shared = shared
  }

  /** Steps of each by itself, and the mean of what they lead to, by the samples that went into it. */
  async advance(open: readonly Seat[], epoch: number): Promise<void> {
    const { plan, spec, roster, ledger, journal, own } = this.#shared
    const { batchSize, localSteps = LOCAL_STEPS, balance = 'speed' } = plan
    const first = journal.step + 1
    const stocks = stocksOf(open, ledger)
    const steps = roundSteps(stocks, balance, localSteps, batchSize)
    const state = await own.state()
    const parts = await roster.ask(open, async (seat) => {
      const i = open.indexOf(seat)
      const count = samplesIn(steps[i] ?? 1, batchSize, ledger.left(seat.name))
      const done = await seat.round({
        ...(seat.at < first - 1 && { state }),
        places: { epoch: epoch, from: ledger.of(seat.name).next, count },
        batchSize,
        steps: Array.from({ length: steps[i] ?? 1 }, (_, j) => numbersOf(spec, first + j)),
      })
      return { ...done, count }
    })
    if (parts.length === 0) return
    const total = parts.reduce((sum, { done }) => sum + done.count, 0)
    const mean = averaged(parts.map(({ done }) => ({ tensors: done.state, share: done.count / total })))
    await own.restore(mean)
    for (const { seat, done } of parts) ledger.take(seat.name, done.count)
    const most = Math.max(...parts.map(({ done }) => done.told.length))
    for (let j = 0; j < most; j++) {
      const made = parts.flatMap(({ done }) => {
        const told = done.told[j]
        return told === undefined ? [] : [{ told, samples: j === done.told.length - 1 ? done.count - j * batchSize : batchSize }]
      })
      const samples = made.reduce((sum, each) => sum + each.samples, 0)
      const sumOf = (of: (told: (typeof made)[number]) => number) => made.reduce((sum, each) => sum + of(each), 0)
      this.learningRate = numbersOf(spec, first + j).learningRate
      journal.add(
        {
          loss: sumOf(({ told, samples: part }) => (told.loss * part) / samples),
          correct: sumOf(({ told }) => told.correct ?? 0),
          counted: sumOf(({ told }) => told.counted ?? 0),
        },
        samples,
      )
    }
  }

  async bringAll(): Promise<void> {
    const { roster, journal, own } = this.#shared
    const state = await own.state()
    for (const seat of roster.here) if (seat.at < journal.step) await seat.admit(state, journal.step)
  }
}

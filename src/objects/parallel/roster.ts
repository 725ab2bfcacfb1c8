import { ActiveStorageError, failure, toFailure } from '../../core/errors.ts'
import type { Feeds } from '../../core/self.ts'
import type { Ledger } from './ledger.ts'
import { isLoss, Seat, type SeatOptions } from './seat.ts'

/** The same error, naming the member. */
export const ofMember = (name: string, error: unknown): ActiveStorageError => {
  const { code, text, details } = toFailure(error)
  return new ActiveStorageError(code, `member "${name}": ${text}`, details, { cause: error })
}
const later = () => {
  let resolve = (): void => undefined
  const promise = new Promise<void>((settle) => (resolve = settle))
  return { promise, resolve }
}

/** The members of a training: who takes part, who is away, and who has come back. */
export class Roster {
  readonly seats: Seat[] = []
  #changed = later()
  readonly #given: boolean
  #classes: readonly string[] | undefined

  /** @param classes those of the plan, where it names them */
  constructor(classes: readonly string[] | undefined) {
    this.#given = classes !== undefined
  }
  add(options: Omit<SeatOptions, 'place' | 'onChange'>): void {
    this.seats.push(
      new Seat({
        ...options,
        place: this.seats.length,
        onChange: () => {
          this.#changed.resolve()
          this.#changed = later()
        },
      }),
    )
  }
  /** Those who take part, in the order of the plan. */
  get here(): readonly Seat[] {
    return this.seats.filter(({ state }) => state === 'here')
  }
  /** Those who may yet come. */
  get awaited(): readonly Seat[] {
    return this.seats.filter(({ state, givenUp }) => state === 'ready' || (state === 'away' && !givenUp))
  }

  /** Until each has been tried once. */
  async settled(signal: AbortSignal): Promise<void> {
    while (this.seats.some(({ settled }) => !settled) && !signal.aborted) await this.change(undefined, signal)
  }
  /** Waits for somebody to come, or to be found away. @returns whether the time was not over before */
  change(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => end(false), ms)
      const end = (came: boolean) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        resolve(came)
      }
      const stop = () => end(true)
      signal.addEventListener('abort', stop, { once: true })
      void this.#changed.promise.then(() => end(true))
      if (signal.aborted) end(true)
    })
  }

  /** Lets those who are ready take part from this step on, with their samples of the epoch that are open. */
  async admit(ledger: Ledger, step: number, state: () => Promise<Feeds>): Promise<void> {
    const ready = this.seats.filter((seat) => seat.state === 'ready')
    if (ready.length === 0) return
    for (const seat of ready) {
      try {
        this.#check(seat)
        ledger.enter(seat.name, seat.description?.count ?? 0, seat.description?.digest ?? '')
      } catch (error) {
        seat.refuse(error)
      }
    }
    const current = await state()
    await Promise.all(ready.filter((seat) => seat.state === 'ready').map((seat) => seat.admit(current, step)))
  }

  /** Labels have to become the same numbers everywhere. @throws `invalid-argument` */
  #check({ name, description }: Seat): void {
    const classes = description?.classes ?? []
    this.#classes ??= classes
    if (!this.#given && JSON.stringify(classes) !== JSON.stringify(this.#classes))
      throw failure('invalid-argument', `member "${name}" has the classes ${classes.slice(0, 20).join(', ')}, another one ${this.#classes.slice(0, 20).join(', ')}: name \`classes\` in the plan`) // prettier-ignore
  }

  /** Asks each for something. Who fails in a way that may pass is lost, and left out of what is given. */
  async ask<T>(seats: readonly Seat[], work: (seat: Seat) => Promise<T>): Promise<{ readonly seat: Seat; readonly done: T }[]> {
    const answers = await Promise.all(
      seats.map(async (seat) => {
        try {
          return [{ seat, done: await work(seat) }]
        } catch (error) {
          if (!isLoss(error)) throw ofMember(seat.name, error)
          seat.lose(error)
          return []
        }
      }),
    )
    return answers.flat()
  }
  async close(): Promise<void> {
    await Promise.all(this.seats.map((seat) => seat.close()))
  }
}

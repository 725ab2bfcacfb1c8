import { setTimeout as pause } from 'node:timers/promises'
import { codes, isActiveStorageError, toFailure } from '../../core/errors.ts'
import { type Remote, withCall } from '../../core/remote.ts'
import type { Feeds } from '../../core/self.ts'
import type { Gathered, RoundAsk, RoundDone, Shard, ShardDescription, StepAsk, trainingMember } from './member.ts'
import type { TrainerSpec } from '../trainer/spec.ts'

/** Codes that tell of trouble with a site, which may pass: the rest would come again, and end the run. */
const PASSING = new Set(['deadline-exceeded', 'session-ended', 'fenced', 'cancelled', 'internal', 'unknown-type'])
/** Whether an error says that a member is gone for now, rather than that training cannot go on. */
export const isLoss = (error: unknown): boolean =>
  isActiveStorageError(error) && (PASSING.has(error.code) || codes[error.code].retry !== 'never')

export interface SeatOptions {
  readonly name: string
  /** Its place in the plan's list, in which gradients are added. */
  readonly place: number
  /** @throws where the site is not known */
  readonly remote: () => Remote<typeof trainingMember>
  readonly key: string
  readonly model: Uint8Array
  readonly spec: TrainerSpec
  readonly shard: Shard
  readonly stepMs: number
  readonly signal: AbortSignal
  /** Called when it is ready to take part, or has failed for the first time. */
  readonly onChange: () => void
}

/** How much of a new measurement a member's speed takes on. */
const FRESH = 0.3
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000

/** One member as its coordinator sees it: opened in the background, taking part, lost, opened again. */
export class Seat {
  readonly #options: SeatOptions
  readonly name: string
  readonly place: number
  /** `away`: not open, and tried again and again. `ready`: open, but without the state. `here`: takes part. `refused`: may not. */
  state: 'away' | 'ready' | 'here' | 'refused' = 'away'
  description: ShardDescription | undefined
  /** Samples a second, by its own clock: a long way to it makes it no slower. */
  speed: number | undefined
  /** The step whose state it has. */
  at = 0
  /** Why it is not here. */
  error: string | undefined
  /** What it was refused for. */
  refusal: unknown
  /** The end of an epoch has waited for it in vain: the next do not. */
  givenUp = false
  /** It has been open, or was found not to be. */
  settled = false
  /** sha256 of its state, as it last told. */
  digest: string | undefined
  /** Its state had come to other bits than the coordinator's. */
  drifted = false
  /** Sizes of batches that it has sessions for: the first of a size takes longer. */
  readonly #sizes = new Set<number>()
  #session = ''
  #turn = 0

  constructor(options: SeatOptions) {
    this.#options = options
    this.name = options.name
    this.place = options.place
    void this.#connect()
  }

  #remote(timeoutMs: number) {
    return withCall(this.#options.remote(), { timeoutMs })
  }
  /** Tries until it is open. */
  async #connect(): Promise<void> {
    const { key, model, spec, shard, stepMs, signal, onChange } = this.#options
    for (let wait = FIRST_PAUSE_MS; !signal.aborted; wait = Math.min(LONGEST_PAUSE_MS, wait * 2)) {
      try {
        const opened = await this.#remote(stepMs).open(key, model, spec, shard)
        this.#session = opened.session
        this.#turn = 0
        this.description = opened
        this.speed = undefined
        this.#sizes.clear()
        this.state = 'ready'
        this.error = undefined
        this.settled = true
        if (signal.aborted) await this.close()
        return onChange()
      } catch (error) {
        this.error = toFailure(error).message
        this.settled = true
        if (!isLoss(error)) {
          this.refuse(error)
          return onChange()
        }
        onChange()
      }
      await pause(wait, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
  /** It is gone: what it has done since the last step does not count. */
  lose(error: unknown): void {
    if (this.state !== 'here' && this.state !== 'ready') return
    this.error = toFailure(error).message
    this.state = 'away'
    void this.#connect()
  }
  refuse(error: unknown): void {
    this.error = toFailure(error).message
    this.refusal = error
    this.state = 'refused'
    void this.close()
  }

  /** Gives it the state of all, after which it takes part. It is lost where that fails. */
  async admit(state: Feeds, step: number): Promise<void> {
    try {
      this.digest = await this.#remote(this.#options.stepMs).restore(this.#session, ++this.#turn, state)
      this.at = step
      this.state = 'here'
      this.givenUp = false
    } catch (error) {
      if (!isLoss(error)) throw error
      this.lose(error)
    }
  }
  step(ask: StepAsk): Promise<Gathered | null> {
    return this.#timed(ask.gather?.count ?? 0, () => this.#remote(this.#options.stepMs).step(this.#session, ++this.#turn, ask))
  }
  round(ask: RoundAsk): Promise<RoundDone> {
    return this.#timed(ask.places.count, () => this.#remote(this.#options.stepMs).round(this.#session, ++this.#turn, ask))
  }
  async #timed<T extends { readonly ms: number } | null>(samples: number, work: () => Promise<T>): Promise<T> {
    const made = await work()
    if (this.#sizes.has(samples)) {
      const now = (samples * 1000) / Math.max(1, made?.ms ?? 1)
      this.speed = this.speed === undefined ? now : this.speed + FRESH * (now - this.speed)
    } else if (samples > 0) this.#sizes.add(samples)
    return made
  }
  async askDigest(): Promise<string> {
    return (this.digest = await this.#remote(this.#options.stepMs).digest(this.#session))
  }
  async close(): Promise<void> {
    if (this.#session === '') return
    await this.#remote(5000)
      .close(this.#session)
      .catch(() => undefined)
  }
}

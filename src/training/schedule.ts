import { failure } from '../core/errors.ts'

/** How the learning rate goes, step by step. */
export type Schedule = {
  /** Steps over which it rises from 0, in a line, before all else. Default 0. */
  readonly warmUp?: number
} & (
  | { readonly kind: 'constant' }
  | {
      readonly kind: 'step'
      /** Steps after which it is multiplied by `factor` (default 0.1), each time; or the very steps at which it is. */
      readonly every: number | readonly number[]
      readonly factor?: number
    }
  | {
      readonly kind: 'cosine'
      /** Steps from the whole rate to the least. */
      readonly steps: number
      /** The least, as a share of the rate. Default 0. */
      readonly floor?: number
    }
  | {
      /** Up from a 25th and down to a 250,000th, both by a cosine (Smith and Topin, 2019; the shares are PyTorch's defaults). */
      readonly kind: 'one-cycle'
      readonly steps: number
      /** The share of the steps in which it rises. Default 0.3. */
      readonly rise?: number
    }
)

/** @throws ActiveStorageError `invalid-argument` */
export const checkSchedule = (schedule: Schedule): void => {
  const check = (what: string, good: boolean, rule: string) => {
    if (!good) throw failure('invalid-argument', `schedule ${schedule.kind}: ${what} has to be ${rule}`)
  }
  check('warmUp', Number.isSafeInteger(schedule.warmUp ?? 0) && (schedule.warmUp ?? 0) >= 0, 'a whole number of steps')
  switch (schedule.kind) {
    case 'constant':
      return
    case 'step': {
      const steps = typeof schedule.every === 'number' ? [schedule.every] : schedule.every
      check('every', steps.length > 0 && steps.every((at) => Number.isSafeInteger(at) && at > 0), 'a number of steps, or a list of them')
      return check('factor', Number.isFinite(schedule.factor ?? 0.1) && (schedule.factor ?? 0.1) > 0, 'above 0')
    }
    case 'cosine':
      check('steps', Number.isSafeInteger(schedule.steps) && schedule.steps > 0, 'a whole number from 1')
      return check('floor', (schedule.floor ?? 0) >= 0 && (schedule.floor ?? 0) <= 1, 'from 0 to 1')
    case 'one-cycle':
      check('steps', Number.isSafeInteger(schedule.steps) && schedule.steps > 0, 'a whole number from 1')
      return check('rise', (schedule.rise ?? 0.3) > 0 && (schedule.rise ?? 0.3) < 1, 'between 0 and 1')
  }
}

const between = (from: number, to: number, share: number): number => to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2

const shareAt = (schedule: Schedule, step: number): number => {
  switch (schedule.kind) {
    case 'constant':
      return 1
    case 'step': {
      const { every, factor = 0.1 } = schedule
      return factor ** (typeof every === 'number' ? Math.floor(step / every) : every.filter((at) => at <= step).length)
    }
    case 'cosine':
      return between(1, schedule.floor ?? 0, Math.min(1, step / schedule.steps))
    case 'one-cycle': {
      const { steps, rise = 0.3 } = schedule
      const top = rise * steps - 1
      const share = step <= top ? (top === 0 ? 1 : step / top) : Math.min(1, (step - top) / Math.max(1, steps - 1 - top))
      return step <= top ? between(1 / 25, 1, share) : between(1, 1 / 250_000, share)
    }
  }
}

/** The share of the learning rate at a step, counted from 0. */
export const rateAt = (schedule: Schedule, step: number): number => {
  const { warmUp = 0 } = schedule
  return step < warmUp ? (step + 1) / warmUp : shareAt(schedule, step - warmUp)
}

/** The learning rate of the step that comes after so many. @param of the rate at the top of the schedule, and the schedule, by default constant */
export const learningRateAfter = (of: { readonly learningRate: number; readonly schedule?: Schedule }, steps: number): number =>
  of.learningRate * rateAt(of.schedule ?? { kind: 'constant' }, steps)

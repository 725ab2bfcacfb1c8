import { failure } from '../core/errors.ts'
import type { Value } from '../graph/builder.ts'
import type { Emit } from './emit.ts'

/** What changes parameters by their gradients. Names, formulas and defaults are PyTorch's. */
export type Optimizer = {
  /** L2 added to the gradient; for `adamw` decoupled from it. Default 0, for `adamw` 0.01. */
  readonly weightDecay?: number
} & (
  | { readonly kind: 'sgd'; /** Default 0. */ readonly momentum?: number; readonly nesterov?: boolean }
  | {
      readonly kind: 'adam' | 'adamw'
      /** Default [0.9, 0.999]. */
      readonly betas?: readonly [number, number]
      /** Default 1e-8. */
      readonly epsilon?: number
    }
  | {
      readonly kind: 'rmsprop'
      /** Default 0.99. */
      readonly alpha?: number
      /** Default 1e-8. */
      readonly epsilon?: number
      /** Default 0. */
      readonly momentum?: number
    }
)

/** Numbers that a step is fed, since they change from one to the next. */
export type Scalars = Readonly<Record<'learningRate' | 'correction1' | 'correction2', number>>

const BETAS = [0.9, 0.999] as const
const decayOf = ({ weightDecay, kind }: Optimizer): number => weightDecay ?? (kind === 'adamw' ? 0.01 : 0)

/** @throws ActiveStorageError `invalid-argument` */
export const checkOptimizer = (optimizer: Optimizer): void => {
  const check = (what: string, value: number, below: number) => {
    if (!(value >= 0 && value < below)) throw failure('invalid-argument', `${optimizer.kind}: ${what} is ${value}; it has to be from 0 and below ${below}`) // prettier-ignore
  }
  check('weightDecay', decayOf(optimizer), Infinity)
  switch (optimizer.kind) {
    case 'sgd':
      check('momentum', optimizer.momentum ?? 0, 1)
      if (optimizer.nesterov === true && !((optimizer.momentum ?? 0) > 0))
        throw failure('invalid-argument', 'sgd: nesterov needs a momentum above 0')
      return
    case 'adam':
    case 'adamw':
      if ((optimizer.betas ?? BETAS).length !== 2) throw failure('invalid-argument', `${optimizer.kind}: betas are two numbers`)
      for (const beta of optimizer.betas ?? BETAS) check('a beta', beta, 1)
      return check('epsilon', optimizer.epsilon ?? 1e-8, Infinity)
    case 'rmsprop':
      check('alpha', optimizer.alpha ?? 0.99, 1)
      check('momentum', optimizer.momentum ?? 0, 1)
      return check('epsilon', optimizer.epsilon ?? 1e-8, Infinity)
  }
}

/** Tensors of each parameter's shape that the optimizer keeps; zeros at first. */
export const slotsOf = (optimizer: Optimizer): readonly string[] => {
  switch (optimizer.kind) {
    case 'sgd':
      return (optimizer.momentum ?? 0) > 0 ? ['momentum'] : []
    case 'adam':
    case 'adamw':
      return ['mean', 'square']
    case 'rmsprop':
      return (optimizer.momentum ?? 0) > 0 ? ['square', 'momentum'] : ['square']
  }
}

/** What the step is fed beside the learning rate. @param step from 1 */
export const scalarsOf = (optimizer: Optimizer, step: number, learningRate: number): Scalars => {
  if (optimizer.kind !== 'adam' && optimizer.kind !== 'adamw') return { learningRate, correction1: 1, correction2: 1 }
  const [beta1, beta2] = optimizer.betas ?? BETAS
  return { learningRate, correction1: 1 - beta1 ** step, correction2: Math.sqrt(1 - beta2 ** step) }
}

export interface Update {
  readonly parameter: Value
  readonly gradient: Value
  readonly slots: Readonly<Record<string, Value>>
  /** float32, no dimensions: this parameter's own. */
  readonly learningRate: Value
  readonly correction1: Value
  readonly correction2: Value
}

/** Adds the update of one parameter. @returns its new value, and those of its slots */
export const addUpdate = (e: Emit, optimizer: Optimizer, given: Update): { parameter: Value; slots: Readonly<Record<string, Value>> } => {
  const { parameter, gradient, slots, learningRate } = given
  const slot = (name: string): Value => {
    const found = slots[name]
    if (found === undefined) throw failure('internal', `${optimizer.kind} has no ${name} of "${parameter.name}"`)
    return found
  }
  const decay = decayOf(optimizer)
  const decayed = decay === 0 || optimizer.kind === 'adamw' ? gradient : e.add(gradient, e.mul(parameter, decay))
  switch (optimizer.kind) {
    case 'sgd': {
      const { momentum = 0, nesterov = false } = optimizer
      if (momentum === 0) return { parameter: e.sub(parameter, e.mul(decayed, learningRate)), slots: {} }
      const moved = e.add(e.mul(slot('momentum'), momentum), decayed)
      const by = nesterov ? e.add(decayed, e.mul(moved, momentum)) : moved
      return { parameter: e.sub(parameter, e.mul(by, learningRate)), slots: { momentum: moved } }
    }
    case 'adam':
    case 'adamw': {
      const [beta1, beta2] = optimizer.betas ?? BETAS
      const mean = e.add(e.mul(slot('mean'), beta1), e.mul(decayed, 1 - beta1))
      const square = e.add(e.mul(slot('square'), beta2), e.mul(e.mul(decayed, decayed), 1 - beta2))
      const scale = e.add(e.div(e.op('Sqrt', [square]), given.correction2), e.num(optimizer.epsilon ?? 1e-8, square))
      const by = e.mul(e.div(mean, scale), e.div(learningRate, given.correction1))
      const shrunk =
        optimizer.kind === 'adam' || decay === 0 ? parameter : e.mul(parameter, e.sub(e.num(1, parameter), e.mul(learningRate, decay)))
      return { parameter: e.sub(shrunk, by), slots: { mean, square } }
    }
    case 'rmsprop': {
      const { alpha = 0.99, epsilon = 1e-8, momentum = 0 } = optimizer
      const square = e.add(e.mul(slot('square'), alpha), e.mul(e.mul(decayed, decayed), 1 - alpha))
      const by = e.div(decayed, e.add(e.op('Sqrt', [square]), e.num(epsilon, square)))
      if (momentum === 0) return { parameter: e.sub(parameter, e.mul(by, learningRate)), slots: { square } }
      const moved = e.add(e.mul(slot('momentum'), momentum), by)
      return { parameter: e.sub(parameter, e.mul(moved, learningRate)), slots: { square, momentum: moved } }
    }
  }
}

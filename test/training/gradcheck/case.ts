import fc from 'fast-check'
import { opDraws, type Draws } from '../../../src/core/random.ts'
import { Tensor } from '../../../src/core/tensor.ts'
import type { Plain } from '../../../src/graph/attributes.ts'
import { GraphBuilder, type Value } from '../../../src/graph/builder.ts'
import type { Graph } from '../../../src/graph/graph.ts'

/** A small graph with what to feed it, and which of its inputs are differentiated. */
export interface Case {
  readonly graph: Graph
  readonly feeds: ReadonlyMap<string, Tensor>
  readonly of: readonly string[]
  /** Draws the cotangents and the elements that are looked at. */
  readonly seed: number
}

/** From where the elements of an input come, so that no difference steps over a kink. */
export type Domain =
  /** Anything from -2 to 2. */
  | 'any'
  /** From 0.4 to 2.4: for logarithms, roots and divisors. */
  | 'positive'
  /** 0.4 to 2.4 on either side of zero. */
  | 'nonzero'
  /** No two nearer to each other than 0.1: for what chooses the greatest. */
  | 'distinct'
  /** From `low` to `high`, at least 0.05 from each of the points. */
  | { readonly low?: number; readonly high?: number; readonly apart: readonly number[] }

const GAP = 0.05

const elements = (count: number, domain: Domain, draws: Draws): number[] => {
  if (domain === 'distinct') {
    const order = Array.from({ length: count }, (_, i) => i)
    for (let last = count - 1; last > 0; last--) {
      const other = draws.below(last + 1)
      ;[order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0]
    }
    return order.map((rank) => (rank - count / 2) * 0.12 + draws.uniform() * 0.02)
  }
  const between = (low: number, high: number) => low + (high - low) * draws.uniform()
  return Array.from({ length: count }, () => {
    if (domain === 'any') return between(-2, 2)
    if (domain === 'positive') return between(0.4, 2.4)
    if (domain === 'nonzero') return between(0.4, 2.4) * (draws.below(2) === 0 ? 1 : -1)
    const { low = -2, high = 2, apart } = domain
    for (;;) {
      const value = between(low, high)
      if (apart.every((point) => Math.abs(value - point) >= GAP)) return value
    }
  })
}

export const float32 = (values: readonly number[], shape: readonly number[]): Tensor =>
  new Tensor('float32', Float32Array.from(values), shape)
export const int64 = (values: readonly number[], shape: readonly number[] = [values.length]): Tensor =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), shape)

/** Draws a case: structure by fast-check, so that it shrinks; elements by a seed. */
export class Draw {
  readonly b = new GraphBuilder({ name: 'case' })
  readonly #gen: fc.GeneratorValue
  readonly #draws: Draws
  readonly #seed: number
  readonly #feeds = new Map<string, Tensor>()
  readonly #of: string[] = []

  constructor(gen: fc.GeneratorValue) {
    this.#gen = gen
    this.#seed = gen(fc.nat, { max: 2 ** 31 - 1 })
    this.#draws = opDraws(this.#seed, 0, 'case', 0)
  }

  int(min: number, max: number): number {
    return this.#gen(fc.integer, { min, max })
  }
  flag(): boolean {
    return this.#gen(fc.boolean)
  }
  /** One of these, of which one may be undefined. */
  pick<T>(...from: readonly T[]): T {
    return from[this.int(0, from.length - 1)] as T
  }
  /** A pick that may be none. */
  maybe<T>(make: () => T): T | undefined {
    return this.flag() ? make() : undefined
  }
  /** Whole numbers of a seed, not of the structure: they do not shrink. */
  below(bound: number): number {
    return this.#draws.below(bound)
  }
  sides(minRank: number, maxRank: number, maxSide = 4): number[] {
    return Array.from({ length: this.int(minRank, maxRank) }, () => this.int(1, maxSide))
  }
  /** A shape that broadcasts to this one: sides left out in front, sides of 1. */
  narrower(sides: readonly number[]): number[] {
    return sides.slice(this.int(0, sides.length)).map((side) => (this.int(0, 2) === 0 ? 1 : side))
  }
  /** An axis, counted from either end. */
  axis(rank: number): number {
    return rank === 0 ? 0 : this.int(-rank, rank - 1)
  }
  /** Some of the axes, from either end, in any order. */
  axes(rank: number, least = 0): number[] {
    const order = this.permutation(rank)
    return order.slice(0, this.int(Math.min(least, rank), rank)).map((axis) => (this.flag() ? axis : axis - rank))
  }
  permutation(count: number): number[] {
    return this.#gen(fc.shuffledSubarray, Array.from({ length: count }, (_, i) => i), { minLength: count, maxLength: count }) // prettier-ignore
  }
  /** Parts that make a whole. */
  parts(whole: number): number[] {
    const found: number[] = []
    for (let rest = whole; rest > 0; rest -= found.at(-1) ?? 0) found.push(this.int(1, rest))
    return found
  }

  /** Floats that are differentiated. */
  input(shape: readonly number[], domain: Domain = 'any'): Value {
    const value = this.floats(shape, domain)
    this.#of.push(value.name)
    return value
  }
  /** Floats that are fed, and not differentiated. */
  floats(shape: readonly number[], domain: Domain = 'any'): Value {
    const count = shape.reduce((product, side) => product * side, 1)
    return this.feed(float32(elements(count, domain, this.#draws), shape))
  }
  feed(tensor: Tensor): Value {
    const name = this.b.fresh('x')
    this.#feeds.set(name, tensor)
    return this.b.input(name, tensor.dtype, tensor.shape)
  }
  bools(shape: readonly number[]): Value {
    const count = shape.reduce((product, side) => product * side, 1)
    return this.feed(
      new Tensor(
        'bool',
        Uint8Array.from({ length: count }, () => this.below(2)),
        shape,
      ),
    )
  }
  /** Whole numbers below a bound, or counted from the end where `negative`; fed, or known to the graph. */
  indices(shape: readonly number[], bound: number, { negative = true, known = this.flag() } = {}): Value {
    const count = shape.reduce((product, side) => product * side, 1)
    const values = Array.from({ length: count }, () => this.below(bound) - (negative && this.below(3) === 0 ? bound : 0))
    const tensor = this.flag() ? int64(values, shape) : new Tensor('int32', Int32Array.from(values), shape)
    return known ? this.b.constant(tensor) : this.feed(tensor)
  }
  int32(values: readonly number[]): Value {
    const tensor = new Tensor('int32', Int32Array.from(values), [values.length])
    return this.flag() ? this.b.constant(tensor) : this.feed(tensor)
  }
  op(op: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, Plain>> = {}): Value {
    return this.b.op(op, inputs, attributes)
  }

  /** The case: what depends on these outputs is its loss. */
  of(...outputs: readonly Value[]): Case {
    for (const output of outputs) this.b.output(output)
    return { graph: this.b.build(), feeds: this.#feeds, of: this.#of, seed: this.#seed }
  }
}

/** Cases of one operator. */
export interface Kind {
  /** How its kinks are avoided; undefined where it has none. */
  readonly kinks?: string
  readonly draw: (draw: Draw) => Case
}
export const arbitrary = ({ draw }: Kind): fc.Arbitrary<Case> => fc.gen().map((gen) => draw(new Draw(gen)))
export const smooth = (draw: (draw: Draw) => Case): Kind => ({ draw })
export const kinked = (kinks: string, draw: (draw: Draw) => Case): Kind => ({ kinks, draw })

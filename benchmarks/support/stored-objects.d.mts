import type { ObjectType } from '../../src/core/define.ts'
import type { ReadonlySelf, Self } from '../../src/core/self.ts'

interface Count {
  count: number
}
interface CounterMethods {
  add(self: Self<Count>): number
  count(self: ReadonlySelf<Count>): number
}
export declare const counter: ObjectType<'bench-counter', Count, CounterMethods>

interface Block {
  stamp: number
  data: Uint8Array
}
interface BlockMethods {
  set(self: Self<Block>, stamp: number, data: Uint8Array): void
  get(self: ReadonlySelf<Block>): { stamp: number; data: Uint8Array }
}
export declare const block: ObjectType<'bench-block', Block, BlockMethods>

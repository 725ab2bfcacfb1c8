import type { ObjectType } from '../../src/core/define.ts'
import type { MovableSelf } from '../../src/core/self.ts'
import type { Tensor } from '../../src/core/tensor.ts'

export declare const bench: ObjectType<'bench', undefined, { take(self: MovableSelf, tensor: Tensor): number; give(self: MovableSelf, bytes: number): Tensor }>

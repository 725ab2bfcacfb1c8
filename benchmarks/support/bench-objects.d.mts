import type { ObjectType } from '../../src/core/define.ts'
import type { MovableSelf } from '../../src/core/self.ts'
import type { Tensor } from '../../src/core/tensor.ts'
import type { RandomKey, SampleInput } from '../../src/objects/pipeline/pipeline.ts'
import type { PipelineSpec } from '../../src/objects/pipeline/spec.ts'

interface Methods {
  take(self: MovableSelf, tensor: Tensor): number
  give(self: MovableSelf, bytes: number): Tensor
  prepare(self: MovableSelf, spec: PipelineSpec, samples: readonly SampleInput[], key: RandomKey): Promise<number>
}

export declare const bench: ObjectType<'bench', undefined, Methods>

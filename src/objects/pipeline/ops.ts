import type { ContentRef } from '../../core/content.ts'
import type { featureForms } from '../dataset/graph/sample-neighbours.ts'
import type { windowLabels } from '../dataset/windows.ts'

/** How an image is fitted into a size: see docs/ops.md. */
export const fits = ['fill', 'cover', 'contain', 'inside'] as const
export const kernels = ['nearest', 'box', 'linear', 'hamming', 'cubic', 'mitchell', 'lanczos2', 'lanczos3'] as const
/** What `dtype` may make of pixels. */
export const imageDtypes = ['uint8', 'float32', 'float64', 'float16'] as const
/** What `dtype` may make of numbers, and of tokens where it is a dtype of whole numbers. */
export const outputDtypes = [...imageDtypes, 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'bool'] as const

export const inputDtypes = [
  'float32', 'float64', 'float16', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'bool',
] as const // prettier-ignore
export const padOutputs = ['mask', 'lengths', 'none'] as const

/** One step of a pipeline. Sizes are in pixels. */
export type Op =
  /**
   * JPEG, PNG or WebP to 8-bit pixels, turned upright by their EXIF (else XMP) orientation. `channels`: 3 (RGB, default) or 1 (grey).
   * `fast` (default false) decodes a JPEG to a smaller copy where the next op makes it smaller: quicker, other values.
   */
  | { readonly op: 'decode'; readonly channels?: 1 | 3; readonly fast?: boolean }
  /** `fit` default `fill`, `kernel` default `lanczos3`, `background` (for `contain`) default black. See docs/ops.md. */
  | {
      readonly op: 'resize'
      readonly width: number
      readonly height: number
      readonly fit?: (typeof fits)[number]
      readonly kernel?: (typeof kernels)[number]
      readonly background?: readonly number[]
    }
  | { readonly op: 'center-crop'; readonly width: number; readonly height: number }
  /** At a place drawn for each sample; `padding` (default 0) is a black border first, so many pixels wide on each side. */
  | { readonly op: 'random-crop'; readonly width: number; readonly height: number; readonly padding?: number }
  /** Mirrors left and right (`horizontal`, default) or top and bottom, with `probability` (default 0.5). */
  | { readonly op: 'flip'; readonly axis?: 'horizontal' | 'vertical'; readonly probability?: number }
  /** (pixel * scale - mean) / std, per channel. Defaults: scale 1/255, mean 0, std 1. */
  | {
      readonly op: 'normalize'
      readonly scale?: number
      readonly mean?: number | readonly number[]
      readonly std?: number | readonly number[]
    }
  /** Default NCHW. */
  | { readonly op: 'layout'; readonly order: 'NCHW' | 'NHWC' }
  /**
   * Of images: default float32 after `normalize`, else uint8. Of numbers: default float32 after `standardize`, else their own.
   * Of tokens: default int64. A number that the dtype does not hold is `bad-sample`: it is never wrapped or cut.
   */
  | { readonly op: 'dtype'; readonly dtype: (typeof outputDtypes)[number] }
  /**
   * The bytes of a sample are numbers, little-endian, in this shape: `layout` of the data set's `describe` says which. With
   * `series` they are as many of them as the sample is long. uint8 [H, W, C] with C 1 or 3 are pixels for the ops above.
   */
  | { readonly op: 'tensor'; readonly dtype: (typeof inputDtypes)[number]; readonly shape: readonly number[]; readonly series?: boolean }
  /** Windows of time series, [length, ...shape]: a loader takes them in place of the samples. `stride` default 1, `label` default `last`. */
  | { readonly op: 'window'; readonly length: number; readonly stride?: number; readonly label?: (typeof windowLabels)[number] }
  /** (value - mean) / std, over the last axis, to float32: `fit` of the pipeline object finds both. */
  | { readonly op: 'standardize'; readonly mean: number | readonly number[]; readonly std: number | readonly number[] }
  /**
   * UTF-8 text to numbers, int64: 0 is padding, 1 unknown, the words of the vocabulary follow (or, by `byte`, the 256 bytes).
   * `vocabulary` is what `buildVocabulary` of the data set gave, or the words. `lowercase` (default true) is of A to Z.
   */
  | {
      readonly op: 'tokenize'
      readonly level: 'word' | 'byte'
      readonly vocabulary?: ContentRef | readonly string[]
      readonly lowercase?: boolean
    }
  /**
   * Cuts or fills samples to a length, with `value` (default 0). `output` default `mask`: beside the `data` (or `tokens`) there
   * is a `mask`, float32 [N, length], 1 where a sample is; or `lengths`, int64 [N]; or, with `none`, the tensor alone.
   */
  | { readonly op: 'pad'; readonly length: number; readonly value?: number; readonly output?: (typeof padOutputs)[number] }
  /** Nodes of a graph with their neighbours: see `sampleNeighbours` in docs/data.md. */
  | {
      readonly op: 'neighbours'
      readonly fanouts: readonly number[]
      readonly features?: (typeof featureForms)[number]
      readonly maxWords?: number
    }

/** A preprocessing pipeline: plain data that travels, with the hash of its content as its identity. */
export interface PipelineSpec {
  readonly ops: readonly Op[]
}

import { ContentRef } from '../core/content.ts'
import { Tensor } from '../core/tensor.ts'
import type { Value } from '../core/value.ts'

/** What a call's arguments bring along: references to content, and bytes that travel inside. */
export interface Carried {
  readonly refs: readonly ContentRef[]
  readonly bytes: number
}

/** Bytes that small values are taken to need on the wire: an estimate, since exact ones would cost an encoding. */
const SMALL = 8

export const carriedBy = (values: readonly Value[]): Carried => {
  const refs: ContentRef[] = []
  let bytes = 0
  const visit = (value: unknown): void => {
    if (value instanceof ContentRef) refs.push(value)
    else if (value instanceof Tensor || value instanceof Uint8Array) bytes += value.byteLength
    else if (typeof value === 'string') bytes += value.length
    else if (Array.isArray(value)) for (const item of value) visit(item)
    else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) visit(item)
    else bytes += SMALL
  }
  for (const value of values) visit(value)
  return { refs, bytes }
}

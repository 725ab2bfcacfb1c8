import { ContentRef } from '../../core/content.ts'
import { ObjectRef } from '../../core/object-ref.ts'
import { Tensor } from '../../core/tensor.ts'
import type { Value } from '../../core/value.ts'

const isPlain = (value: Value): value is { readonly [key: string]: Value } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) === Object.prototype

/** Every reference in a value, however deep. */
export function* referencesIn(value: Value): Generator<ContentRef | ObjectRef> {
  if (value instanceof ContentRef || value instanceof ObjectRef) yield value
  else if (Array.isArray(value)) for (const item of value) yield* referencesIn(item)
  else if (isPlain(value)) for (const item of Object.values(value)) yield* referencesIn(item)
}

/** The value with each content reference replaced. */
export const withContents = (value: Value, replace: (ref: ContentRef) => ContentRef): Value => {
  if (value instanceof ContentRef) return replace(value)
  if (Array.isArray(value)) return value.map((item: Value) => withContents(item, replace))
  if (value instanceof Tensor || !isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withContents(item, replace)]))
}

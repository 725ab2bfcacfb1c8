import type { ContentRef } from './content.ts'
import type { ObjectRef } from './object-ref.ts'
import type { Tensor } from './tensor.ts'

/** What can be an argument, a result or a state: plain data, tensors, bytes and references. */
export type Value =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Date
  | Uint8Array
  | Tensor
  | ContentRef
  | ObjectRef
  | readonly Value[]
  | { readonly [key: string]: Value }

type Sendable = null | undefined | boolean | number | bigint | string | Date | Uint8Array | Tensor | ContentRef | ObjectRef

/**
 * True where a type holds only what the codec can carry. Interfaces have no index signature, so they are checked
 * member by member rather than by assignability to `Value`.
 */
export type IsValue<T> = unknown extends T
  ? true
  : // Value itself first: member by member it would never end.
    [T] extends [Value]
    ? true
    : T extends Sendable
      ? true
      : T extends (...args: never[]) => unknown
        ? false
        : T extends readonly (infer Item)[]
          ? IsValue<Item>
          : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | Promise<unknown> | symbol
            ? false
            : T extends ArrayBufferView | ArrayBuffer
              ? false
              : T extends object
                ? false extends { [K in keyof T]-?: IsValue<T[K]> }[keyof T]
                  ? false
                  : true
                : false

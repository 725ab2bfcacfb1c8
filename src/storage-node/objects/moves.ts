import { failureWith } from '../../core/errors.ts'
import type { Call } from '../../core/transport.ts'
import type { Value } from '../../core/value.ts'
import { fromBytes, toBytes } from '../../wire/stored.ts'
import { keyOf } from '../store/store.ts'
import type { View } from './tables.ts'

/**
 * What a store says of objects that move. One commit at the source decides: before it the object lives there, after it
 * at the target, which serves it when the source has told it so. Whatever dies in between, at most one site serves it.
 *
 * - `leaving`, at the source before that commit: a move has begun, and what the target has of it is to be discarded.
 * - `moved`, at the source from then on: where callers are sent.
 * - `arriving`, at the target until it is told: the copy, which nobody can call.
 * - `arrived`, at the target from then on: the moves that it has activated, so that a repeated message is recognized.
 * - `discarded`, at the target: the moves that came to nothing, so that a message of theirs that is late begins nothing.
 */
export interface Leaving {
  readonly to: string
  readonly moveId: string
}
export interface Moved extends Leaving {
  /** The target serves it. Until then it is told again. */
  readonly confirmed: boolean
}
export interface Arriving {
  readonly moveId: string
  readonly from: string
  readonly space: string
  /** The record but for its space; undefined until the source has sent everything. */
  readonly record: Value
}

export const leavingPrefix = keyOf('leaving')
export const movedPrefix = keyOf('moved')
/** One for each move: an older one may still have to be discarded when the next begins. */
export const leavingKey = (type: string, id: string, moveId: string) => keyOf('leaving', type, id, moveId)
export const movedKey = (type: string, id: string) => keyOf('moved', type, id)
export const arrivingKey = (type: string, id: string) => keyOf('arriving', type, id)
export const arrivedPrefix = (type: string, id: string) => keyOf('arrived', type, id)
export const arrivedKey = (type: string, id: string, moveId: string) => keyOf('arrived', type, id, moveId)
export const discardedPrefix = (type: string, id: string) => keyOf('discarded', type, id)
export const discardedKey = (type: string, id: string, moveId: string) => keyOf('discarded', type, id, moveId)

export const encodeMove = (move: Leaving | Moved | Arriving): Buffer => toBytes({ ...move })

const isPlain = (value: Value): value is { readonly [key: string]: Value } =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

export const decodeMoved = (bytes: Buffer): Moved | undefined => {
  const value = fromBytes(bytes)
  if (!isPlain(value)) return undefined
  const { to, moveId, confirmed } = value
  return typeof to === 'string' && typeof moveId === 'string' ? { to, moveId, confirmed: confirmed === true } : undefined
}
export const decodeArriving = (bytes: Buffer): Arriving | undefined => {
  const value = fromBytes(bytes)
  if (!isPlain(value)) return undefined
  const { moveId, from, space, record } = value
  return typeof moveId === 'string' && typeof from === 'string' && typeof space === 'string' ? { moveId, from, space, record } : undefined
}

/** @throws `moved` where the object has left this site */
export const checkNotMoved = (view: Pick<View, 'get'>, { type, object }: Pick<Call, 'type' | 'object'>): void => {
  const left = view.get(movedKey(type, object))
  const moved = left === undefined ? undefined : decodeMoved(left)
  if (moved !== undefined) throw failureWith('moved', `${type}/${object} has moved to ${moved.to}`, { site: moved.to })
}

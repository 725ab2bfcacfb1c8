import { Metadata, type ServiceError, status, type StatusObject } from '@grpc/grpc-js'
import { type ActiveStorageError, type Code, codes, failure, failureWith, type StatusName, toFailure } from '../core/errors.ts'
import { brokenText, lateText } from './broken-link.ts'
import { protocol, trailers } from './protocol.ts'

/** The status number of each code's status; a status the table does not know does not compile. */
const numbers = status satisfies Record<StatusName, number>

const isCode = (text: string): text is Code => Object.hasOwn(codes, text)

/** Of what a method threw, the stack of that. */
const stackOf = (error: ActiveStorageError): string =>
  error.origin.stack ?? (error.cause instanceof Error ? error.cause.stack : error.stack) ?? ''

/** Adds a failure to a call's trailers, and gives the status that ends it. `stacks`: with the error's stack. */
export const statusOf = (thrown: unknown, metadata: Metadata, stacks = false): Partial<StatusObject> => {
  const error = toFailure(thrown)
  const { object = '', method = '', site = '', callId = '' } = error.origin
  const details: { retryAfterMs?: number; hashes?: readonly string[]; actual?: number; site?: string } = error.details ?? {}
  metadata.set(
    trailers.failure,
    protocol.Failure.serialize({
      code: error.code,
      message: error.text.slice(0, 8192),
      object,
      method,
      site,
      callId,
      retryAfterMs: details.retryAfterMs ?? 0,
      missing: [...(details.hashes ?? [])],
      actualVersion: details.actual ?? 0,
      movedTo: details.site ?? '',
      stack: stacks ? stackOf(error).slice(0, 4096) : '',
    }),
  )
  // Tools show only this text; HTTP/2 bounds header lists, so it is short. A cut may leave half a surrogate pair, which
  // grpc-js cannot send: the call would never end.
  return { code: numbers[codes[error.code].status], details: error.message.slice(0, 1024).replace(HALF, '\ufffd'), metadata }
}
const HALF = /\p{Surrogate}/gu

/** What a status without a failure of ours means: the other end, or the connection, broke before it could say more. */
const plain = (error: ServiceError, place: string): ActiveStorageError => {
  switch (error.code) {
    case status.DEADLINE_EXCEEDED:
      return failure('deadline-exceeded', lateText(error.details, place), error)
    case status.RESOURCE_EXHAUSTED:
      // The code by which HTTP/2 asks the other end to be calm, in the words of grpc-js.
      if (error.details.startsWith('Bandwidth exhausted'))
        return failureWith(
          'resource-exhausted',
          `${place} ended the call: its result was not taken fast enough, or the node is short of memory; take results as they come`,
          { retryAfterMs: 1000 },
          error,
        )
      return failure('too-large', `a message is larger than ${place} or this end takes (16 MiB)`, error)
    case status.UNIMPLEMENTED:
      return failure('unsupported', `${place} is no storage node of this protocol version`, error)
    default:
      // A process that dies shows as UNAVAILABLE, or INTERNAL with an RST_STREAM, or UNKNOWN, as its timing falls; one
      // that stops by force, as CANCELLED. (A caller that gave up knows by its own signal.)
      return failure('unavailable', brokenText(error.details, place), error)
  }
}

/**
 * The error of ours in a failed call.
 * @param place the other end in words, such as "the node at edge-7:7070"
 */
export const failureOf = (error: ServiceError, place = 'the other end'): ActiveStorageError => {
  const [bytes] = error.metadata?.get(trailers.failure) ?? []
  if (!(bytes instanceof Buffer)) return plain(error, place)
  try {
    const { code, message, object, method, site, callId, retryAfterMs, missing, actualVersion, movedTo, stack } =
      protocol.Failure.deserialize(bytes)
    const origin = {
      ...(object && { object }),
      ...(method && { method }),
      ...(site && { site }),
      ...(callId && { callId }),
      ...(stack && { stack }),
    }
    if (!isCode(code)) return failure('internal', `${code}: ${message}`, error).at(origin)
    if (code === 'overloaded' || code === 'resource-exhausted') return failureWith(code, message, { retryAfterMs }).at(origin)
    if (code === 'missing-inputs') return failureWith(code, message, { hashes: missing }).at(origin)
    if (code === 'version-mismatch') return failureWith(code, message, { actual: Number(actualVersion) }).at(origin)
    if (code === 'moved') return failureWith(code, message, { site: movedTo }).at(origin)
    return failure(code, message).at(origin)
  } catch {
    return plain(error, place)
  }
}

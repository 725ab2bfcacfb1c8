/**
 * The one error class and the table of its codes. The table decides the gRPC status, whether a call may be repeated,
 * and what docs/errors.md says.
 */

/** gRPC status names that a code may map to. */
export type StatusName =
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'

/**
 * When the same call may be made again:
 * `never`, it would fail again; `elsewhere`, this site cannot, another may; `later`, after a pause, here or elsewhere.
 */
export type Retry = 'never' | 'elsewhere' | 'later'

interface CodeEntry {
  readonly status: StatusName
  readonly retry: Retry
  readonly means: string
  readonly remedy: string
}

export const codes = {
  'invalid-argument': {
    status: 'INVALID_ARGUMENT',
    retry: 'never',
    means: 'An argument or option is not acceptable.',
    remedy: 'Correct the value that the message names.',
  },
  'invalid-policy': {
    status: 'INVALID_ARGUMENT',
    retry: 'never',
    means: 'The policy file is not valid; the message gives file:line:column.',
    remedy: 'Correct the file; a running client keeps the last good one meanwhile.',
  },
  'malformed-message': {
    status: 'INVALID_ARGUMENT',
    retry: 'never',
    means: 'A message on the wire breaks the protocol.',
    remedy: 'Use a client of the same protocol version; see docs/wire.md.',
  },
  'bad-sample': {
    status: 'INVALID_ARGUMENT',
    retry: 'never',
    means: 'A sample cannot be decoded, or is larger than the limits allow.',
    remedy: 'Replace or remove the sample that the message names.',
  },
  'bad-model': {
    status: 'INVALID_ARGUMENT',
    retry: 'never',
    means: 'An ONNX file cannot be read, or onnxruntime refuses it.',
    remedy: 'Export the model again, as one file or with its external data beside it.',
  },
  'tensor-mismatch': {
    status: 'INVALID_ARGUMENT',
    retry: 'never',
    means: 'A tensor has the wrong name, dtype or shape for its place.',
    remedy: 'Compare with what `describe` says of the model or pipeline.',
  },
  'unknown-type': {
    status: 'UNIMPLEMENTED',
    retry: 'never',
    means: 'The site does not host this object type.',
    remedy: 'Start the node with `--objects MODULE`, or correct the name.',
  },
  'unknown-method': {
    status: 'UNIMPLEMENTED',
    retry: 'never',
    means: 'The object type declares no such method.',
    remedy: 'Use one of the methods that the message lists.',
  },
  unsupported: {
    status: 'UNIMPLEMENTED',
    retry: 'never',
    means: 'This version does not do what was asked.',
    remedy: 'See the table of what is there in README.md.',
  },
  'not-found': {
    status: 'NOT_FOUND',
    retry: 'never',
    means: 'No such object, sample or content.',
    remedy: 'List what is there with `active-storage ls`.',
  },
  'already-exists': {
    status: 'ALREADY_EXISTS',
    retry: 'never',
    means: 'The name is taken by something else.',
    remedy: 'Choose another name, or remove what is there.',
  },
  'permission-denied': {
    status: 'PERMISSION_DENIED',
    retry: 'never',
    means: 'The operator of the node has not allowed this, or the method is not for clients.',
    remedy: 'Ask for the option that the message names; call what the message names instead.',
  },
  'version-mismatch': {
    status: 'ABORTED',
    retry: 'never',
    means: 'The object is not at the version the caller expected.',
    remedy: 'Read the object again and repeat with its new version.',
  },
  moved: {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'The object lives on another site now; the error names it.',
    remedy: 'The client follows by itself where it knows that site: name it in `sites`.',
  },
  fenced: {
    status: 'ABORTED',
    retry: 'never',
    means: 'The call carries an older fencing token than the object has seen.',
    remedy: 'Take the lease again; another holder has it now.',
  },
  'declaration-changed': {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'Objects in the store were written under another declaration of their type than the host has.',
    remedy: 'Raise the version of the type and give it a migrate from the older ones; or run the build that wrote them.',
  },
  'training-diverged': {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'The loss, or a gradient, is no number any more.',
    remedy: 'Lower the learning rate, clip the gradients, or look for bad samples; training goes on from the last checkpoint.',
  },
  'session-ended': {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'What the call would use is not open at the site: it was idle for too long, was opened again, or the site has started since.',
    remedy: 'Open it again, with the state to go on from.',
  },
  'call-cycle': {
    status: 'ABORTED',
    retry: 'later',
    means: 'Two calls each wait for an object that the other, or one that it was made in, holds.',
    remedy: 'Repeat the call; let methods call objects in one order, so that it does not happen.',
  },
  'missing-inputs': {
    status: 'FAILED_PRECONDITION',
    retry: 'elsewhere',
    means: 'The site lacks content that the call refers to and cannot fetch it.',
    remedy: 'The client supplies it and repeats the call by itself; otherwise name the home as a peer of the node.',
  },
  'content-changed': {
    status: 'DATA_LOSS',
    retry: 'elsewhere',
    means: 'Content no longer has the bytes that its hash promises.',
    remedy: 'Adopt the folder again, or restore the file.',
  },
  overloaded: {
    status: 'RESOURCE_EXHAUSTED',
    retry: 'later',
    means: 'The site is at one of its admission limits, and refused the call before it began.',
    remedy: 'Wait for the time that the error gives, or use another site.',
  },
  'resource-exhausted': {
    status: 'RESOURCE_EXHAUSTED',
    retry: 'later',
    means: 'A limit was reached while the call ran: of another site, of the disk, of the trainings. It may have had effects.',
    remedy: 'Check what was done, or make such calls with an idempotency key: those are repeated without harm.',
  },
  'too-large': {
    status: 'OUT_OF_RANGE',
    retry: 'never',
    means: 'Something is larger than a stated limit.',
    remedy: 'Split it, or raise the limit that the message names.',
  },
  'deadline-exceeded': {
    status: 'DEADLINE_EXCEEDED',
    retry: 'never',
    means: 'The time given to the call ran out.',
    remedy: 'Give it more time, or less work.',
  },
  cancelled: { status: 'CANCELLED', retry: 'never', means: 'The caller gave the call up.', remedy: 'None is needed.' },
  unavailable: {
    status: 'UNAVAILABLE',
    retry: 'later',
    means: 'The site cannot be reached, died, or is stopping.',
    remedy: 'Check that the node runs and the address is right.',
  },
  'storage-failed': {
    status: 'INTERNAL',
    retry: 'elsewhere',
    means: 'The disk or the store refused a read or a write.',
    remedy: 'Look at the cause in the message: space, permissions, the device.',
  },
  'read-only': {
    status: 'UNAVAILABLE',
    retry: 'elsewhere',
    means: 'The node takes no writes now: its disk is full or read-only.',
    remedy: 'Make space on the disk or mount it for writing; the node sees it by itself and goes on.',
  },
  'folder-in-use': {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'Another storage node holds the data folder.',
    remedy: 'Stop the other node, or give this one its own --data folder.',
  },
  'address-in-use': {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'The address to listen on is taken.',
    remedy: 'Choose another port with --listen, or stop the process that holds it.',
  },
  'worker-died': {
    status: 'UNAVAILABLE',
    retry: 'elsewhere',
    means: 'A compute process or thread could not be started, or ended while nothing ran in it.',
    remedy: 'Repeat; if it stays, look at the cause in the message: memory, the limit of processes.',
  },
  'model-crashed': {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'The process that ran a model died in the run. The call is not sent to another site, which would die as well.',
    remedy: 'Look at the model and at the inputs: division by zero, strides of 0, more memory than there is. Export the model again.',
  },
  'model-quarantined': {
    status: 'FAILED_PRECONDITION',
    retry: 'never',
    means: 'Runs of the model have ended several processes lately: the site refuses it until the time in the message.',
    remedy: 'Correct the model, which makes it another one, or the inputs, and wait until then; `active-storage stats` lists such models.',
  },
  'method-threw': {
    status: 'UNKNOWN',
    retry: 'never',
    means: 'The method itself threw an error.',
    remedy: "Read the message: it is the method's own.",
  },
  internal: { status: 'INTERNAL', retry: 'never', means: 'A defect in active-storage.', remedy: 'Please report it with the message.' },
} as const satisfies Record<string, CodeEntry>

export type Code = keyof typeof codes

/** What travels with a code, beside the message. Codes that are not named here carry nothing more. */
export interface Details {
  overloaded: { retryAfterMs: number }
  'resource-exhausted': { retryAfterMs: number }
  'missing-inputs': { hashes: readonly string[] }
  'version-mismatch': { actual: number }
  moved: { site: string }
}
export type DetailsOf<C extends Code> = C extends keyof Details ? Details[C] : undefined

/** Where an error arose; filled in by the layers that know. */
export interface Origin {
  readonly object?: string
  readonly method?: string
  readonly site?: string
  readonly callId?: string
  /** Where the site's operator allows it: the stack there. */
  readonly stack?: string
}

// Shared by every installed copy of the package, so that `isActiveStorageError` holds across them.
const mark = Symbol.for('active-storage.error')

/** Of a text, in characters: names and values from outside stand in it. Its end says what to do, so the middle goes. */
const [MOST_TEXT, KEPT_BEFORE, KEPT_AFTER] = [8000, 6000, 1900]
const bounded = (text: string): string => {
  if (text.length <= MOST_TEXT) return text
  const left = `${text.slice(0, KEPT_BEFORE)} ... (${text.length} characters) ... ${text.slice(-KEPT_AFTER)}`
  return left.replaceAll(HALF, '\ufffd')
}
// A cut may leave half a surrogate pair, which is no text.
const HALF = /\p{Surrogate}/gu

/** The only error that the public API throws. The message starts with the code, since tools often show nothing else. */
export class ActiveStorageError<C extends Code = Code> extends Error {
  readonly code: C
  readonly details: DetailsOf<C>
  readonly origin: Origin
  readonly [mark] = true

  constructor(code: C, text: string, details: DetailsOf<C>, options: { cause?: unknown; origin?: Origin } = {}) {
    super(`[${code}] ${bounded(text)}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ActiveStorageError'
    this.code = code
    this.details = details
    this.origin = options.origin ?? {}
  }

  /** The message without its leading code. */
  get text(): string {
    return this.message.slice(this.code.length + 3)
  }

  /** The same error, knowing more of where it arose. What is already known stays. */
  at(origin: Origin): ActiveStorageError<C> {
    const more = new ActiveStorageError(this.code, this.text, this.details, { cause: this.cause, origin: { ...origin, ...this.origin } })
    if (this.stack !== undefined) more.stack = this.stack
    return more
  }
}

type Plain = Exclude<Code, keyof Details>

/** An error of a code that carries no details. */
export const failure = (code: Plain, text: string, cause?: unknown): ActiveStorageError =>
  new ActiveStorageError<Code>(code, text, undefined, cause === undefined ? {} : { cause })

/** An error of a code that carries details. */
export const failureWith = <C extends keyof Details>(code: C, text: string, details: Details[C], cause?: unknown): ActiveStorageError =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- C is one of Details' keys, so DetailsOf<C> is Details[C]
  new ActiveStorageError(code, text, details as DetailsOf<C>, cause === undefined ? {} : { cause }) as ActiveStorageError

export function isActiveStorageError(error: unknown): error is ActiveStorageError
export function isActiveStorageError<C extends Code>(error: unknown, code: C): error is ActiveStorageError<C>
export function isActiveStorageError(error: unknown, code?: Code): boolean {
  if (typeof error !== 'object' || error === null || !(mark in error)) return false
  return code === undefined || ('code' in error && error.code === code)
}

/** Any thrown value as an error of ours; what is not ours becomes `fallback`. */
export const toFailure = (thrown: unknown, fallback: Plain = 'internal'): ActiveStorageError => {
  if (isActiveStorageError(thrown)) return thrown
  if (thrown instanceof Error) return failure(fallback, `${thrown.name}: ${thrown.message}`, thrown)
  return failure(fallback, `a value that is no Error was thrown: ${shown(thrown)}`, thrown)
}

// Not every value can become text: an object without a prototype throws there.
const shown = (thrown: unknown): string => {
  try {
    return String(thrown)
  } catch {
    return typeof thrown
  }
}

/** The error of a signal that has fired: its own reason where that is ours, otherwise `cancelled`. */
export const abortedBy = (signal: AbortSignal): ActiveStorageError => {
  const reason: unknown = signal.reason
  if (isActiveStorageError(reason)) return reason
  if (reason instanceof Error && reason.name === 'TimeoutError')
    return failure('deadline-exceeded', 'the time given to the call ran out', reason)
  return failure('cancelled', 'the caller gave the call up', reason)
}

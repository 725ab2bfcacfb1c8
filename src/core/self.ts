import type { Dirent } from 'node:fs'
import type { ContentRef } from './content.ts'
import type { DType } from './dtype.ts'
import type { SessionKind, Sessions } from './host-session.ts'
import type { CallId, ObjectId, SiteName, TypeName } from './ids.ts'
import type { ObjectRef } from './object-ref.ts'
import type { Remote } from './remote.ts'
import type { ObjectType } from './define.ts'
import type { Tensor } from './tensor.ts'
import type { SiteDescription } from './transport.ts'
import type { Value } from './value.ts'

/** A model's files as the executing site finds them: the ONNX file first, then its external data. */
export interface ModelSource {
  /** Hash over all files: the model's identity. */
  readonly hash: string
  readonly file: ContentRef
  readonly external: readonly { readonly location: string; readonly content: ContentRef }[]
}

/** Name, dtype and shape of a model's input or output; a symbolic side is its name, or '' without one. */
export interface TensorSpec {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly (number | string)[]
  /** Set where the model states no shape: `shape` is then empty, and any number of dimensions will do. */
  readonly unranked?: true
}
export interface ModelShape {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/** A tensor that lies somewhere: its raw little-endian bytes by reference. Not for strings. */
export interface TensorRef {
  readonly content: ContentRef
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** Runs ONNX models in compute processes, or in threads. */
export interface Compute {
  /** Loads the model once to learn its inputs and outputs. @throws `bad-model`, `model-crashed`, `model-quarantined` */
  inspect(model: ModelSource, signal: AbortSignal): Promise<ModelShape>
  /**
   * One `session.run`.
   * @param onQueued told how long the run waited for a worker, in ms
   * @throws `tensor-mismatch`, `bad-model`, `worker-died`, `model-crashed`, `model-quarantined`
   */
  run(
    model: ModelSource,
    feeds: Readonly<Record<string, Tensor | TensorRef>>,
    signal: AbortSignal,
    onQueued?: (ms: number) => void,
  ): Promise<Record<string, Tensor>>
  /**
   * Begins to train a model, in a process of its own (or a thread). Who begins it closes it.
   * @throws `bad-model`, `unsupported`, `invalid-argument`, `model-crashed`, `model-quarantined`; `overloaded` where as many are
   * trained as the host takes
   */
  train(program: TrainingProgram, signal: AbortSignal): Promise<Training>
}

/** What a batch brings, by the names of the model's inputs and the losses' targets. */
export type Feeds = Readonly<Record<string, Tensor>>

/** What is trained, and how. */
export interface TrainingProgram {
  /** An ONNX file, with all tensors inside. */
  readonly graph: Uint8Array
  /** Plain data: losses, the optimizer, what is frozen. */
  readonly options: Value
  /** From which random masks are drawn. */
  readonly seed: number
  /** What earlier training has made of it. Default: the model's own weights. */
  readonly state?: ReadonlyMap<string, Tensor>
}
/** Numbers that a run of a model in training tells. */
export interface TrainingTold {
  readonly loss: number
  /** Elements whose class was the most likely one, and elements that counted: where the first loss is cross entropy. */
  readonly correct?: number
  readonly counted?: number
  /** The norm of all gradients before clipping, where they are clipped. */
  readonly norm?: number
  /** Of a batch that is gathered: its loss by its shares, which those of a step sum up to. */
  readonly part?: number
}
export interface StepAt {
  /** From 1. */
  readonly step: number
  readonly learningRate: number
}
/** A model in training, in a process or thread of its own. One thing is done at a time, in the order of the calls. */
export interface Training {
  /** One step of the optimizer. @throws `tensor-mismatch`, `invalid-argument`, `training-diverged`: the state is then as before */
  step(feeds: Feeds, at: StepAt): Promise<TrainingTold>
  /** Adds a batch's gradients, as `share` of the next `apply`: one for all losses, or one each. */
  gather(feeds: Feeds, share: number | readonly number[], draw: number): Promise<TrainingTold & { readonly inputs: Feeds }>
  /** The model's outputs on a batch in training, where its loss is elsewhere. */
  forward(feeds: Feeds, draw: number): Promise<Feeds>
  /** Adds the gradients of the last `forward`, by those of its outputs: `gradient/NAME`. */
  backward(gradients: Feeds): Promise<TrainingTold>
  /** What was gathered; and takes its place. */
  gathered(): Promise<ReadonlyMap<string, Tensor>>
  /** @param statistics running means and variances that take the place of those here. Default: they stay */
  replaceGathered(gradients: ReadonlyMap<string, Tensor>, statistics?: ReadonlyMap<string, Tensor>): Promise<void>
  /** Running means and variances, as the batches so far have moved them. */
  statistics(): Promise<ReadonlyMap<string, Tensor>>
  /** One step of the optimizer by what was gathered. @param beyond the norm of gradients elsewhere, that are clipped with these */
  apply(at: StepAt, beyond?: number): Promise<TrainingTold>
  /** The model as it is in use: its loss on a batch, and the outputs that are named. */
  evaluate(feeds: Feeds, outputs?: readonly string[]): Promise<TrainingTold & { readonly outputs: Feeds }>
  /** A copy of all that training has changed. */
  state(): Promise<ReadonlyMap<string, Tensor>>
  restore(state: ReadonlyMap<string, Tensor>): Promise<void>
  close(): Promise<void>
}

/** Some bytes within a file or content. */
export interface ContentPart {
  readonly offset: number
  readonly bytes: number
}

/**
 * A file or folder of the node that is open: what is read is what was checked, wherever its name leads meanwhile.
 * It is closed when the work that it was opened for ends.
 */
export interface AdoptableFile {
  /** As it was given. */
  readonly path: string
  readonly kind: 'file' | 'folder' | 'other'
  /** Of a file, when it was opened. */
  readonly bytes: number
  /** Reads from a position up to the buffer's length. @returns bytes read: 0 at the end @throws `storage-failed` */
  read(into: Uint8Array, position: number): Promise<number>
  /** What lies in a folder. @throws `storage-failed` */
  entries(): Promise<readonly Dirent<Buffer>[]>
}

/** Immutable bytes by hash, fetched from their home and kept when they are not here. */
export interface Content {
  /** @throws `missing-inputs` where the bytes are neither here nor at a known peer; `content-changed`. */
  read(ref: ContentRef, signal: AbortSignal): Promise<Uint8Array>
  /** Keeps the bytes for a while, as if fetched; not durable. */
  keep(bytes: Uint8Array): ContentRef
  /** The same in slices of the main thread: for many MiB, whose hash would hold up other calls. */
  keepLarge(bytes: Uint8Array): Promise<ContentRef>
  /** Keeps the bytes durably here. */
  put(bytes: Uint8Array): Promise<ContentRef>
  /** Before a folder is looked into. @throws `permission-denied` outside the folders the operator allowed; `not-found` */
  adoptable(path: string): Promise<void>
  /**
   * Opens a file or folder of the node for as long as `work` takes.
   * @throws `permission-denied` outside the folders the operator allowed; `not-found`; `content-changed` where a file is
   * written to meanwhile
   * @example const first = await self.content.withAdoptable('/data/a.bin', async (file) => {
   *   const head = new Uint8Array(16)
   *   return head.subarray(0, await file.read(head, 0))
   * })
   */
  withAdoptable<T>(path: string, work: (file: AdoptableFile) => Promise<T>): Promise<T>
  /** Refers to a file where it lies, outside the store. @throws `permission-denied` outside the folders the operator allowed. */
  adopt(path: string): Promise<ContentRef>
  /** Refers to parts of a file where it lies, each by a hash of its own; the whole file is never held. @throws as `adopt` does */
  adoptParts(file: string | AdoptableFile, parts: readonly ContentPart[], signal: AbortSignal): Promise<readonly ContentRef[]>
  /** Throws one `missing-inputs` that names everything unreachable, before work begins. */
  ensure(refs: readonly ContentRef[], signal: AbortSignal): Promise<void>
}

/** An entry of a host's directory. */
export interface ObjectEntry {
  readonly type: string
  readonly id: string
  readonly version: number
}

/** What became of the compute processes of a host since it started. */
export interface ComputeFigures {
  /** Processes there are now. */
  readonly processes: number
  /** Processes that took the place of one that had died or was ended in a run. */
  readonly restarts: number
  /** Runs in which the process died. */
  readonly crashes: number
  /** Processes that were ended since a run had not come to its end in time. */
  readonly kills: number
  /** Memory of all processes that is their own, in bytes: without pages of programs and libraries. */
  readonly memoryBytes: number
  /** Models that are refused for now, since processes died in their runs. */
  readonly quarantined: readonly { readonly hash: string; readonly reason: string; readonly until: string }[]
}

/** What a host tells of itself. */
export interface HostStats {
  readonly site: string
  readonly uptimeMs: number
  readonly inFlight: number
  readonly calls: number
  readonly failures: number
  readonly refused: number
  /** Bytes of arguments and results that calls hold, from the first that comes to the last that is taken. */
  readonly argumentBytes: number
  readonly bytesFetched: number
  readonly cacheBytes: number
  /** Compute processes, or threads. */
  readonly workers: number
  /** Absent where models run in threads of the host. */
  readonly compute?: ComputeFigures
  /** Memory of the host's own process. */
  readonly rssBytes: number
  /** Bytes of changes on their way to the disk. */
  readonly pendingBytes: number
  /** What is held open in memory between calls, and the bytes that are reserved for it. */
  readonly sessions: number
  readonly sessionBytes: number
  /** False while the disk takes no writes: full, or read-only. */
  readonly writable: boolean
  /**
   * How long the node's main thread was held up in the last minute, in ms: by 99 of 100 turns of its event loop at the most,
   * and by the longest. Absent in a client's own process.
   */
  readonly loopDelay?: { readonly p99Ms: number; readonly maxMs: number }
}

/** How far a backup has come. */
export interface BackupProgress {
  readonly contents: number
  readonly bytes: number
  /** Contents that were copied, since the backup lies on another disk; the others are linked. */
  readonly copied: number
  /** It is whole, durable and there. */
  readonly complete: boolean
}

/** The host that runs the call, as the built-in `site` object shows it. */
export interface HostView {
  describe(): SiteDescription
  /**
   * What an object type declares, as plain data: `type`, `version`, `state` (a JSON Schema) and `methods` by name, each with `kind`,
   * `stream` and, where they are declared, `arguments` and `result`.
   * @throws `unknown-type`
   */
  declaration(type: string, options?: { readonly internal?: boolean }): Value
  stats(): HostStats
  /** Objects in order of type and id, from after `after` (`type/id`), `limit` at the most. */
  list(range: { type?: string; prefix?: string; after?: string; limit?: number }): readonly ObjectEntry[]
  /** Resolves when every change acknowledged so far is on disk. @throws what kept it from getting there */
  flush(): Promise<void>
  /** Removes content that nothing refers to, or counts it. */
  collect(options: { readonly dryRun: boolean }): Promise<{ readonly contents: number; readonly bytes: number; readonly notes: number }>
  /** Forgets fetched content and loaded model sessions. */
  dropCaches(): Promise<void>
  /** Writes a backup to a folder of the host's machine. @throws `permission-denied` outside the folders the operator allowed; `already-exists` */
  backup(to: string, signal: AbortSignal): AsyncGenerator<BackupProgress>
}

/** Memory of the host, for a method that makes much of little. */
export interface CallMemory {
  /** The most that one call may have, in bytes. Infinity where the host has no limit of memory. */
  readonly most: number
  /**
   * Takes room for so many bytes, before they are allocated, until the call ends.
   * @returns gives it back before
   * @throws `overloaded` while other calls hold it; `resource-exhausted` where it is more than `most`
   * @example
   * const giveBack = self.memory.reserve(count * 4)
   * const values = new Float32Array(count)
   */
  reserve(bytes: number): () => void
}

/** What a movable method sees: its arguments, immutable content and compute, and no state. */
export interface MovableSelf {
  /** Fires when the caller gives up or the deadline passes; long work must watch it. */
  readonly signal: AbortSignal
  /** The site that runs this call. */
  readonly site: SiteName
  readonly callId: CallId
  readonly content: Pick<Content, 'read' | 'ensure' | 'keep' | 'keepLarge'>
  readonly host: HostView
  readonly compute: Compute
  readonly memory: CallMemory
  /** Runs one stage and reports its duration, from which the policy learns. `units` is the stage's measure of work. */
  stage<T>(key: string, units: number, work: () => Promise<T>): Promise<T>
}

/** Ordered entries beside an object's state, read without loading all, committed with it. */
export interface ReadonlyTable<T extends Value = Value> {
  get(key: string): T | undefined
  /** Entries in key order (by UTF-8 bytes), from after `after`, `limit` at the most (default 1,000). */
  entries(range?: { after?: string; limit?: number }): readonly (readonly [string, T])[]
}
export interface Table<T extends Value = Value> extends ReadonlyTable<T> {
  put(key: string, value: T): void
  delete(key: string): void
}

/** What a readonly method sees: a consistent snapshot. */
export interface ReadonlySelf<S> extends MovableSelf {
  readonly id: ObjectId
  readonly type: TypeName
  /** Commits so far; 0 before the first. */
  readonly version: number
  readonly state: DeepReadonly<S>
  table<T extends Value = Value>(name: string): ReadonlyTable<T>
  /** Whether this host holds a session of that kind open for this object. */
  isOpen(kind: SessionKind): boolean
  /** Another object, called from within this call: deadline, cancellation and call chain travel along. */
  object<T extends ObjectType>(type: T, target: string | ObjectRef, options?: { readonly at?: string }): Remote<T>
}

/** What a method of the section `sessions` sees: the state as a readonly method does, and the sessions of its object. */
export interface SessionSelf<S> extends ReadonlySelf<S> {
  readonly sessions: Sessions
}

/** What a stateful method sees. Changes to `state` and tables are committed together when it returns, none when it throws. */
export interface Self<S> extends Omit<SessionSelf<S>, 'state' | 'table' | 'content'> {
  state: S
  table<T extends Value = Value>(name: string): Table<T>
  readonly content: Content
}

export type DeepReadonly<T> = T extends Tensor | ContentRef | ObjectRef | Uint8Array | Date
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
      : T

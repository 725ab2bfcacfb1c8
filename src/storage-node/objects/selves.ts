import type { ObjectType } from '../../core/define.ts'
import { failure } from '../../core/errors.ts'
import type { SessionKind, Sessions } from '../../core/host-session.ts'
import type { CallId, ObjectId, SiteName, TypeName } from '../../core/ids.ts'
import type { ObjectRef } from '../../core/object-ref.ts'
import type { Remote } from '../../core/remote.ts'
import type { CallMemory, Compute, Content, HostView, MovableSelf, Table } from '../../core/self.ts'
import type { Draft } from './draft.ts'
import { nameOf } from './names.ts'
import type { RunningCall } from './running-call.ts'
import type { Caller } from './turns.ts'

/** What every method sees of its call. Made for every call, and most parts of it for few: hence classes of getters. */
export class CallSelf implements MovableSelf {
  protected readonly running: RunningCall
  #compute: Compute | undefined

  constructor(running: RunningCall) {
    this.running = running
  }
  get signal(): AbortSignal {
    return this.running.scope.signal
  }
  get site(): SiteName {
    return this.running.host.site
  }
  get callId(): CallId {
    return this.running.call.context.callId
  }
  get host(): HostView {
    return this.running.host.view
  }
  get compute(): Compute {
    return (this.#compute ??= this.running.compute())
  }
  get content(): MovableSelf['content'] {
    const { read, ensure, keep, keepLarge } = this.running.content
    return { read, ensure, keep, keepLarge }
  }
  get memory(): CallMemory {
    return this.running.memory
  }
  get stage(): MovableSelf['stage'] {
    return (key, units, work) => this.running.stage(key, units, work)
  }
}

/** Makes the stub of another object, called from within this call. */
export type Reach = <T extends ObjectType>(type: T, target: string | ObjectRef, options?: { readonly at?: string }) => Remote<T>

/** What the methods of an object see beside: the object. */
class ObjectSelf extends CallSelf {
  readonly object: Reach

  constructor(running: RunningCall, object: Reach) {
    super(running)
    this.object = object
  }
  get id(): ObjectId {
    return this.running.call.object
  }
  get type(): TypeName {
    return this.running.call.type
  }
  get isOpen() {
    return (kind: SessionKind): boolean => this.running.host.sessions.isOpen(nameOf(this.running.call), kind)
  }
  get sessions(): Sessions {
    if (this.running.entry.kind === 'readonly')
      throw failure('unsupported', 'a readonly method has no sessions: declare it in the section `sessions`')
    return this.running.sessions
  }
}

/** What a readonly method sees of its object. */
interface Seen {
  readonly version: number
  readonly state: unknown
  table(name: string): Table
}

/** A readonly method's: a snapshot. */
export class SnapshotSelf extends ObjectSelf {
  readonly #seen: Seen

  constructor(running: RunningCall, object: Reach, seen: Seen) {
    super(running, object)
    this.#seen = seen
  }
  get version(): number {
    return this.#seen.version
  }
  get state(): unknown {
    return this.#seen.state
  }
  get table() {
    return (name: string): Table => this.#seen.table(named(name))
  }
  /** A table that no method of a type can name. */
  hidden(name: string): Table {
    return this.#seen.table(name)
  }
}

const named = (name: string): string => {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name))
    throw failure('invalid-argument', `"${name.slice(0, 80)}" cannot be a table's name: use letters, digits, ".", "_" and "-"`)
  return name
}

/** A stateful method's: the draft of its turn. A stream has one after the other. */
export class DraftSelf extends ObjectSelf {
  draft: Draft

  constructor(running: RunningCall, object: Reach, draft: Draft) {
    super(running, object)
    this.draft = draft
  }
  get version(): number {
    return this.draft.version
  }
  get state(): unknown {
    return this.draft.state
  }
  set state(state: unknown) {
    this.draft.state = state
  }
  get table() {
    return (name: string): Table => this.draft.table(named(name))
  }
  /** Whose turns it takes. */
  get caller(): Caller {
    return this.running
  }
  override get content(): Content {
    return this.running.content
  }
}

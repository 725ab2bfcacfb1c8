import type { MethodKind } from './define.ts'
import type { CallId, ObjectId, SiteName, TypeName } from './ids.ts'
import type { Value } from './value.ts'

/** One call, as every transport takes it. */
export interface Call {
  readonly type: TypeName
  readonly object: ObjectId
  readonly method: string
  /** How the method may run: a movable or readonly call may be repeated after it may have begun. */
  readonly kind: MethodKind
  readonly args: readonly Value[]
  readonly context: CallContext
}

/** What travels beside the arguments. */
export interface CallContext {
  readonly callId: CallId
  /** A repeated call with the same key returns the recorded result. */
  readonly idempotencyKey?: string
  /** The calls this one was made in, outermost first, as `type/object#` and what tells each from all others. */
  readonly chain: readonly string[]
  /**
   * The moment at which the call's time is over, in ms of this process's monotonic clock (`monotonicNow`); absent: none was
   * set. Retries, fall-backs, stages and nested calls share it. The wire carries the ms that are left.
   */
  readonly deadline?: number
  /** The object's version that the caller expects. */
  readonly expectedVersion?: number
  readonly fencingToken?: number
  /** `async`: the reply may come before the change is on disk. Without it the type decides. */
  readonly durability?: 'async'
  /** W3C trace context of the caller, as `traceparent`. */
  readonly traceParent?: string
  readonly signal?: AbortSignal
  /** What `signal.aborted` says, from who makes the signal only when it is asked for. */
  readonly aborted?: boolean
  /** Called once when the call has ended, well or badly, with what it cost. */
  readonly onReport?: (report: CallReport) => void
}

/** A site's load when it answered. */
export interface LoadReport {
  /** Calls under way, this one included. */
  readonly inFlight: number
  /** Time that this call waited before it ran. */
  readonly queueMs: number
  /** Time that this call ran; of a stream, without the time in which it waited for its reader. */
  readonly serviceMs: number
}

/** What one stage of the work took on its site. */
export interface StageReport {
  readonly key: string
  readonly ms: number
  readonly units: number
}

/** What a call cost, from where the caller stands. */
export interface CallReport {
  readonly site: SiteName
  /** Bytes of values sent and received by the caller on the link; 0 in process. */
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Bytes of content that the site fetched from other sites to do it. */
  readonly bytesFetched: number
  readonly fetchMs: number
  readonly totalMs: number
  /** The result was a stream: `totalMs` holds the time that its reader took between items. */
  readonly stream?: true
  readonly load?: LoadReport
  readonly stages: readonly StageReport[]
}

/**
 * A way to make calls. In process, over gRPC, choosing among others or retrying: all are this, and wrap each other.
 */
export interface Transport {
  call(call: Call): Promise<Value>
  stream(call: Call): AsyncIterable<Value>
  close(): Promise<void>
}

/** What a site says of itself when a client connects. */
export interface SiteDescription {
  readonly name: SiteName
  readonly tier: 'local' | 'edge' | 'fog' | 'cloud'
  readonly version: string
  /** What decides the bits of a result: builds of onnxruntime and sharp, and the processor's features. */
  readonly fingerprint: string
  readonly peers: readonly SiteName[]
  readonly types: readonly string[]
}

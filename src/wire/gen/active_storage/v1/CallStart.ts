// Original file: proto/active_storage/v1/active_storage.proto

import type { ValueIn as _active_storage_v1_ValueIn, Value as _active_storage_v1_Value } from '../../active_storage/v1/Value.ts';
import type { Long } from '@grpc/proto-loader';

export interface CallStartIn {
  /**
   * Name of the object's type, the object, and the method.
   */
  'type'?: (string);
  'object'?: (string);
  'method'?: (string);
  /**
   * The list of arguments.
   */
  'arguments'?: (_active_storage_v1_ValueIn | null);
  /**
   * Identifies the call, and every call nested in it, through every hop and log.
   */
  'callId'?: (string);
  /**
   * A repeated stateful call with the same key returns the recorded result. Empty: none.
   */
  'idempotencyKey'?: (string);
  /**
   * The calls that this one was made in, outermost first, as "type/object#" and what tells each from all others.
   */
  'chain'?: (string)[];
  /**
   * Milliseconds that the caller has left for the call. Absent: no deadline.
   */
  'budgetMs'?: (number | string);
  /**
   * The version of the object that the caller expects. Absent: any.
   */
  'expectedVersion'?: (number | string | Long);
  /**
   * Token of the lease under which the caller writes; a smaller one than the object has seen is refused.
   */
  'fencingToken'?: (number | string | Long);
  /**
   * The reply may come before the change is on disk.
   */
  'asyncDurability'?: (boolean);
  /**
   * W3C trace context (`traceparent`). Empty: none.
   */
  'traceParent'?: (string);
  '_budgetMs'?: "budgetMs";
  '_expectedVersion'?: "expectedVersion";
  '_fencingToken'?: "fencingToken";
}

export interface CallStart {
  /**
   * Name of the object's type, the object, and the method.
   */
  'type': (string);
  'object': (string);
  'method': (string);
  /**
   * The list of arguments.
   */
  'arguments': (_active_storage_v1_Value | null);
  /**
   * Identifies the call, and every call nested in it, through every hop and log.
   */
  'callId': (string);
  /**
   * A repeated stateful call with the same key returns the recorded result. Empty: none.
   */
  'idempotencyKey': (string);
  /**
   * The calls that this one was made in, outermost first, as "type/object#" and what tells each from all others.
   */
  'chain': (string)[];
  /**
   * Milliseconds that the caller has left for the call. Absent: no deadline.
   */
  'budgetMs'?: (number);
  /**
   * The version of the object that the caller expects. Absent: any.
   */
  'expectedVersion'?: (number);
  /**
   * Token of the lease under which the caller writes; a smaller one than the object has seen is refused.
   */
  'fencingToken'?: (number);
  /**
   * The reply may come before the change is on disk.
   */
  'asyncDurability': (boolean);
  /**
   * W3C trace context (`traceparent`). Empty: none.
   */
  'traceParent': (string);
  '_budgetMs'?: "budgetMs";
  '_expectedVersion'?: "expectedVersion";
  '_fencingToken'?: "fencingToken";
}

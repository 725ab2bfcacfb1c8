// Original file: proto/active_storage/v1/active_storage.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Why a call failed, in the trailer `active-storage-failure-bin`.
 */
export interface FailureIn {
  /**
   * One of the codes of docs/errors.md.
   */
  'code'?: (string);
  'message'?: (string);
  'object'?: (string);
  'method'?: (string);
  'site'?: (string);
  'callId'?: (string);
  /**
   * With code "overloaded": when to try again.
   */
  'retryAfterMs'?: (number | string);
  /**
   * With code "missing-inputs": the hashes of what is missing.
   */
  'missing'?: (string)[];
  /**
   * With code "version-mismatch": the object's version.
   */
  'actualVersion'?: (number | string | Long);
  /**
   * With code "moved": the site that has the object now.
   */
  'movedTo'?: (string);
  /**
   * Where the node's operator allows it: the stack of the error. Empty otherwise.
   */
  'stack'?: (string);
}

/**
 * Why a call failed, in the trailer `active-storage-failure-bin`.
 */
export interface Failure {
  /**
   * One of the codes of docs/errors.md.
   */
  'code': (string);
  'message': (string);
  'object': (string);
  'method': (string);
  'site': (string);
  'callId': (string);
  /**
   * With code "overloaded": when to try again.
   */
  'retryAfterMs': (number);
  /**
   * With code "missing-inputs": the hashes of what is missing.
   */
  'missing': (string)[];
  /**
   * With code "version-mismatch": the object's version.
   */
  'actualVersion': (number);
  /**
   * With code "moved": the site that has the object now.
   */
  'movedTo': (string);
  /**
   * Where the node's operator allows it: the stack of the error. Empty otherwise.
   */
  'stack': (string);
}

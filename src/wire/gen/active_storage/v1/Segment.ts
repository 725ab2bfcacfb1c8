// Original file: proto/active_storage/v1/active_storage.proto

import type { Long } from '@grpc/proto-loader';

export interface SegmentIn {
  /**
   * An element type of onnxruntime ("float32", ...), or "bytes" for a byte string.
   */
  'dtype'?: (string);
  /**
   * Sides of the tensor, outermost first, row-major. Empty for a scalar and for bytes.
   */
  'shape'?: (number | string | Long)[];
  /**
   * Length in bytes. Numbers are little-endian. A tensor of n strings holds n + 1 little-endian uint32 offsets, then
   * the UTF-8 text that they cut.
   */
  'byteLength'?: (number | string | Long);
}

export interface Segment {
  /**
   * An element type of onnxruntime ("float32", ...), or "bytes" for a byte string.
   */
  'dtype': (string);
  /**
   * Sides of the tensor, outermost first, row-major. Empty for a scalar and for bytes.
   */
  'shape': (number)[];
  /**
   * Length in bytes. Numbers are little-endian. A tensor of n strings holds n + 1 little-endian uint32 offsets, then
   * the UTF-8 text that they cut.
   */
  'byteLength': (number);
}

// Original file: proto/active_storage/v1/active_storage.proto

import type { ValueIn as _active_storage_v1_ValueIn, Value as _active_storage_v1_Value } from '../../active_storage/v1/Value.ts';

export interface ServerFrameIn {
  'value'?: (_active_storage_v1_ValueIn | null);
  'chunk'?: (Buffer | Uint8Array | string);
  'frame'?: "value"|"chunk";
}

export interface ServerFrame {
  'value'?: (_active_storage_v1_Value | null);
  'chunk'?: (Buffer);
  'frame'?: "value"|"chunk";
}

// Original file: proto/active_storage/v1/active_storage.proto

import type { CallStartIn as _active_storage_v1_CallStartIn, CallStart as _active_storage_v1_CallStart } from '../../active_storage/v1/CallStart.ts';

export interface ClientFrameIn {
  'start'?: (_active_storage_v1_CallStartIn | null);
  'chunk'?: (Buffer | Uint8Array | string);
  'frame'?: "start"|"chunk";
}

export interface ClientFrame {
  'start'?: (_active_storage_v1_CallStart | null);
  'chunk'?: (Buffer);
  'frame'?: "start"|"chunk";
}

// Original file: proto/active_storage/v1/active_storage.proto

import type { StageIn as _active_storage_v1_StageIn, Stage as _active_storage_v1_Stage } from '../../active_storage/v1/Stage.ts';
import type { Long } from '@grpc/proto-loader';

/**
 * What the call cost its site, in the trailer `active-storage-accounting-bin`.
 */
export interface AccountingIn {
  'site'?: (string);
  /**
   * Content that the site fetched from other sites for this call.
   */
  'bytesFetched'?: (number | string | Long);
  'fetchMs'?: (number | string);
  'stages'?: (_active_storage_v1_StageIn)[];
}

/**
 * What the call cost its site, in the trailer `active-storage-accounting-bin`.
 */
export interface Accounting {
  'site': (string);
  /**
   * Content that the site fetched from other sites for this call.
   */
  'bytesFetched': (number);
  'fetchMs': (number);
  'stages': (_active_storage_v1_Stage)[];
}

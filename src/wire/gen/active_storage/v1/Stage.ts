// Original file: proto/active_storage/v1/active_storage.proto


export interface StageIn {
  /**
   * Identifies the work; the same on every site.
   */
  'key'?: (string);
  'ms'?: (number | string);
  /**
   * The amount of work, in the stage's own unit.
   */
  'units'?: (number | string);
}

export interface Stage {
  /**
   * Identifies the work; the same on every site.
   */
  'key': (string);
  'ms': (number);
  /**
   * The amount of work, in the stage's own unit.
   */
  'units': (number);
}

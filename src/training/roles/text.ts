const MOST_NAMED = 5
/** Names for an error or a warning: the first ones. */
export const some = (names: readonly string[]): string =>
  `${names.slice(0, MOST_NAMED).map((name) => `"${name}"`).join(', ')}${names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : ''}` // prettier-ignore

export const AGAIN =
  'export with active_storage_export.py; or, without it, by the recipe of docs/training.md (dynamo=False, training=TrainingMode.PRESERVE, do_constant_folding=False), which keeps no Dropout'

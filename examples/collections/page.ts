import { schema } from 'active-storage'

/** Entries that one call gives at the most: a longer collection is read page by page. */
export const LONGEST_PAGE = 1000
export const pageLength = schema.integer({ minimum: 1, maximum: LONGEST_PAGE })

// Persistent collections, as object types: `active-storage node --objects` loads what this module exports.
export { counter } from './counter.ts'
export { list } from './list.ts'
export { map } from './map.ts'

// What is promised of objects with state: how fast they change and are found again, and in how much memory.
import { callers64 } from './objects/callers-64.ts'
import { evict } from './objects/evict.ts'
import { list1m } from './objects/list-1m.ts'
import { restart } from './objects/restart.ts'
import { tail } from './objects/tail.ts'
import type { Measurement } from './support/claim.ts'

export const measurements: readonly Measurement[] = [callers64, tail, restart, list1m, evict]

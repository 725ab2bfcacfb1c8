import { test } from 'node:test'
import { checkStalls } from './stalls.ts'

for (const rows of [100_000, 1_000_000]) test(`no built-in method holds the event loop, on ${rows} rows`, (t) => checkStalls(t, rows))

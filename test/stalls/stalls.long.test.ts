import { test } from 'node:test'
import { checkStalls } from './stalls.ts'

test('no built-in method holds the event loop, on 1,000,000 rows', (t) => checkStalls(t, 1_000_000))

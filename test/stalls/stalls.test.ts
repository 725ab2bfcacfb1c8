import { test } from 'node:test'
import { checkStalls } from './stalls.ts'

test('no built-in method holds the event loop, on 5000 rows', (t) => checkStalls(t, 5000))

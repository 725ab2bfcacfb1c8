// Runs the program from TypeScript source: a process is given none of its parent's loader hooks. Never part of the built package.
import { register } from 'tsx/esm/api'

register()
await import('./main.ts')

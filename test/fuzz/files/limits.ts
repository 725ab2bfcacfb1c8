import type { FormatName } from './format.ts'
import type { Bounds } from './watched.ts'

/** Of one input, generously: what takes longer is a fault, on any machine. */
export const CPU_MS = 20_000

/** Bounds of the process that reads; each input has its own, in its format. */
export const formatLimits = (name: FormatName): Bounds => ({
  cpuMs: name === 'models' || name === 'inputs' ? CPU_MS / 2 : CPU_MS,
  silentMs: 180_000,
  processMib: 3072,
})

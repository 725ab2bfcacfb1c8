import type { FormatName } from './format.ts'
import type { Bounds } from './watched.ts'

/** Processor time of one input, generously: what takes longer is a fault on any machine. */
const CPU_MS = 20_000

/** Bounds of the process that reads. */
export const formatLimits = (name: FormatName): Bounds => ({
  cpuMs: name === 'faulty' ? 2000 : name === 'models' || name === 'inputs' ? CPU_MS / 2 : CPU_MS,
  silentMs: 180_000,
  processMib: name === 'faulty' ? 1024 : 4096,
})

import type { Format, FormatName } from './format.ts'
import { CPU_MS } from './limits.ts'

/** Readers by format; what they need is loaded by the process that reads. */
export const formats: Readonly<Record<FormatName, Format>> = {
  csv: { cpuMs: CPU_MS, mib: 192, open: async () => (await import('./csv.ts')).openCsv() },
  tar: { cpuMs: CPU_MS, mib: 192, open: async () => (await import('./tar.ts')).openTar() },
  npy: { cpuMs: CPU_MS, mib: 192, open: async () => (await import('./npy.ts')).openNpy() },
  images: { cpuMs: CPU_MS, mib: 256, open: async () => (await import('./images.ts')).openImages() },
  onnx: { cpuMs: CPU_MS, mib: 256, open: async () => (await import('./onnx.ts')).openOnnx() },
  models: { cpuMs: CPU_MS, mib: 1024, open: async () => (await import('./models.ts')).openModels() },
  inputs: { cpuMs: CPU_MS, mib: 1024, open: async () => (await import('./inputs.ts')).openInputs() },
}

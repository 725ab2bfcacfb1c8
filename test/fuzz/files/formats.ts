import type { Format, FormatName } from './format.ts'

/** Readers by format; what they need is loaded by the process that reads. */
export const formats: Readonly<Record<FormatName, Format>> = {
  csv: { mib: 192, open: async () => (await import('./csv.ts')).openCsv() },
  tar: { mib: 192, open: async () => (await import('./tar.ts')).openTar() },
  npy: { mib: 192, open: async () => (await import('./npy.ts')).openNpy() },
  images: { mib: 256, open: async () => (await import('./images.ts')).openImages() },
  onnx: { mib: 256, open: async () => (await import('./onnx.ts')).openOnnx() },
  models: { mib: 2048, open: async () => (await import('./models.ts')).openModels() },
  faulty: { mib: 256, open: async () => (await import('./faulty.ts')).openFaulty() },
  inputs: { mib: 2048, open: async () => (await import('./inputs.ts')).openInputs() },
}

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { arch, cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VALUES } from '../objects/pipeline/spec.ts'
import { onnxruntimeVersion } from './compute/onnxruntime.ts'

/**
 * Read from its package file, found by walking up as Node does: loading the library itself would cost every client its
 * memory, and packages need not export that file.
 */
const versionOf = (name: string): string => {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const found: unknown = JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'))
      if (typeof found === 'object' && found !== null && 'version' in found) return String(found.version)
    } catch {
      // Not here: one folder up.
    }
    if (folder === dirname(folder)) return 'unknown'
  }
}

/** Features that decide which kernels run; their order in the file does not matter. */
const processor = (): string => {
  try {
    const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
    return flags
      .split(' ')
      .filter((flag) => /^(avx|fma|sse|amx|f16c|asimd|sve|bf16|i8mm)/.test(flag))
      .sort()
      .join(' ')
  } catch {
    return cpus()[0]?.model ?? 'unknown'
  }
}

/** Equal on two sites where the same work gives the same bits: builds of onnxruntime and sharp, the version
 * of what image ops compute, and the processor. */
export const fingerprint = (): string => {
  const features = createHash('sha256').update(processor()).digest('hex').slice(0, 8)
  return `onnxruntime ${onnxruntimeVersion()}, sharp ${versionOf('sharp')}, image ops ${VALUES}, ${arch()}-${features}`
}

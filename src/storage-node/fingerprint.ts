import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, cpus } from 'node:os'

const require = createRequire(import.meta.url)
// Read from its package file: loading the library itself would cost every client its memory.
const versionOf = (name: string): string => {
  const found: unknown = JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8'))
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : 'unknown'
}

/** Features that decide which kernels run; their order in the file does not matter. */
const processor = (): string => {
  try {
    const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? ''
    return flags.split(' ').filter((flag) => /^(avx|fma|sse|amx|f16c|asimd|sve|bf16|i8mm)/.test(flag)).sort().join(' ')
  } catch {
    return cpus()[0]?.model ?? 'unknown'
  }
}

/** Equal on two sites where the same work gives the same bits: builds of onnxruntime and sharp, and the processor. */
export const fingerprint = (): string => {
  const features = createHash('sha256').update(processor()).digest('hex').slice(0, 8)
  return `onnxruntime ${versionOf('onnxruntime-node')}, sharp ${versionOf('sharp')}, ${arch()}-${features}`
}

// Assembles src/objects/pipeline/resample/kernels.wat into gen/kernels.ts beside it (or the file given as argument).
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import openWabt from 'wabt'

const folder = fileURLToPath(new URL('../src/objects/pipeline/resample/', import.meta.url))
const wabt = await openWabt()
const parsed = wabt.parseWat('kernels.wat', readFileSync(`${folder}kernels.wat`, 'utf8'), { simd: true })
parsed.validate()
const { buffer } = parsed.toBinary({})
const lines = Buffer.from(buffer)
  .toString('base64')
  .match(/.{1,100}/g)
  .map((line) => `  '${line}',`)
writeFileSync(
  process.argv[2] ?? `${folder}gen/kernels.ts`,
  `// Generated from kernels.wat by scripts/generate-resample.mjs: do not edit.\n/** The WebAssembly module, in base64. */\nexport const kernels: string = [\n${lines.join('\n')}\n].join('')\n`,
)

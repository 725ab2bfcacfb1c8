/**
 * Compares image ops with Pillow (and torchvision, where it is there): `PYTHON=... npm run pillow -- [COUNT] [SEED]`.
 * Python makes random images of all kinds with their right results; the ops run on the same files. Prints the tables of
 * docs/ops.md, and fails where one value is more than a level off.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bytesOf } from '../../src/core/tensor.ts'
import { runPipeline } from '../../src/objects/pipeline/engine.ts'
import type { Op } from '../../src/objects/pipeline/spec.ts'

interface Case {
  readonly file: string
  readonly kind: string
  readonly what: string
  readonly ops: readonly Op[]
  readonly at: number
  readonly bytes: number
  readonly shape: readonly number[]
  readonly dtype: 'uint8' | 'float32'
}
interface Made {
  readonly versions: Readonly<Record<string, string>>
  readonly cases: readonly Case[]
}

/** Torch rounds the float32 of each step: by so much it may differ. */
const FLOAT_TOLERANCE = 2e-6

const [count = '1000', seed = '1'] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'as-pillow-'))
const say = (line: string) => process.stdout.write(`${line}\n`)
try {
  execFileSync(
    process.env['PYTHON'] ?? 'python3',
    ['-W', 'ignore', fileURLToPath(new URL('make.py', import.meta.url)), folder, count, seed],
    {
      stdio: 'inherit',
    },
  )
  const { versions, cases } = JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')) as Made
  const wants = readFileSync(join(folder, 'want.bin'))
  const { signal } = new AbortController()

  interface Row {
    cases: number
    values: number
    different: number
    most: number
  }
  const byWhat = new Map<string, Row>()
  const byKind = new Map<string, Row>()
  const wrong: string[] = []
  const note = (rows: Map<string, Row>, name: string, values: number, different: number, most: number) => {
    const row = rows.get(name) ?? { cases: 0, values: 0, different: 0, most: 0 }
    rows.set(name, {
      cases: row.cases + 1,
      values: row.values + values,
      different: row.different + different,
      most: Math.max(row.most, most),
    })
  }
  for (const { file, kind, what, ops, at, bytes, shape, dtype } of cases) {
    const sample = { id: file, bytes: new Uint8Array(readFileSync(join(folder, file))) }
    const made = await runPipeline({ ops: [...ops, { op: 'layout', order: 'NHWC' }] }, [sample], { seed: 0, epoch: 0 }, { signal })
    const raw = Uint8Array.from(wants.subarray(at, at + bytes))
    const [got, want] =
      dtype === 'uint8' ? [bytesOf(made), raw] : [new Float32Array(Uint8Array.from(bytesOf(made)).buffer), new Float32Array(raw.buffer)]
    let [different, most] = [0, 0]
    for (let each = 0; each < want.length; each++) {
      const off = Math.abs(got[each]! - want[each]!)
      if (off > 0) different++
      if (off > most) most = off
    }
    const limit = dtype === 'uint8' ? 1 : what === 'normalize' ? 0 : FLOAT_TOLERANCE
    if (String(made.shape.slice(1)) !== String(shape) || most > limit)
      wrong.push(`${kind} ${file}, ${JSON.stringify(ops)}: ${String(made.shape)} against ${String(shape)}, off by ${most}`)
    note(byWhat, what, want.length, different, most)
    if (dtype === 'uint8') note(byKind, kind, want.length, different, most)
  }
  const table = (head: string, rows: Map<string, Row>) => {
    say(`\n| ${head} | cases | values | values that differ | at most by |\n| --- | ---: | ---: | ---: | ---: |`)
    for (const [name, row] of [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      say(
        `| ${name} | ${row.cases} | ${row.values.toLocaleString('en')} | ${row.different.toLocaleString('en')} | ${Number(row.most.toPrecision(2))} |`,
      )
  }
  const text = Object.entries(versions).map((entry) => entry.join(' '))
  say(`${count} images, ${cases.length} cases, seed ${seed}; ${text.join(', ')}`)
  table('op', byWhat)
  table('kind of image', byKind)
  say(`\n${wrong.length} of ${cases.length} cases are off by more than one level`)
  for (const line of wrong.slice(0, 20)) say(line)
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  rmSync(folder, { recursive: true })
}

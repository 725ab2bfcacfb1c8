// Trains the five models of examples/training/models here and in PyTorch, from the same weights and on the same batches,
// and compares: the loss and every gradient of the first step, and the losses of 50 steps.
//
//   npm run parity                                  (PYTHON=/path/to/python3 where that one has PyTorch)
//   npm run parity -- lstm transformer              some of them
//
// Ends with status 1 where a bound is broken. Figures: docs/training.md.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { scalarsOf } from '../../../src/training/optimizer.ts'
import { prepare } from '../../../src/training/prepare.ts'
import { Runner } from '../../../src/training/runner.ts'
import { type Job, lstmJob, mlpJob, networkJob, resNetJob, transformerJob } from './jobs.ts'
import { startTorch, writeJob } from './torch-process.ts'

const STEPS = 50
const bounds = { loss: 1e-5, gradient: 1e-3 } as const

const jobs: Readonly<Record<string, () => Job>> = {
  mlp: () => mlpJob(32),
  'resnet-8': () => resNetJob(8, 32),
  lstm: () => lstmJob(32, { steps: 30 }),
  graphsage: () => networkJob('graphsage', 32),
  gcn: () => networkJob('gcn', 32),
  transformer: () => transformerJob(16, { steps: 32 }),
}

const ours = async ({ graph, optimizer, rate, batches }: Job, threads: number) => {
  const prepared = prepare(graph, { loss: { kind: 'cross-entropy' }, optimizer })
  const first = new Runner(ort, prepared, { threads })
  const { loss } = await first.gather(batches[0] ?? {}, 1, 1)
  const gradients = first.gathered()
  const runner = new Runner(ort, prepared, { threads })
  const losses: number[] = []
  for (let step = 1; step <= STEPS; step++)
    losses.push((await runner.step(batches[(step - 1) % batches.length] ?? {}, scalarsOf(optimizer, step, rate), step)).loss)
  await Promise.all([first.close(), runner.close()])
  return { loss, gradients, losses }
}

interface TorchGradients {
  readonly loss: number
  readonly gradients: Readonly<Record<string, { readonly offset: number; readonly shape: readonly number[] }>>
}

const torchs = async (folder: string, threads: number, dtype: 'float32' | 'float64') => {
  const torch = await startTorch(threads)
  await torch.ask('open', { folder, threads, dtype })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- torch_side.py answers so
  const first = (await torch.ask('gradients')) as TorchGradients
  const bytes = readFileSync(join(folder, 'gradients.bin'))
  const gradients = new Map(
    Object.entries(first.gradients).map(([name, { offset, shape }]) => {
      const size = shape.reduce((product, side) => product * side, 1)
      return [name, new Float64Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + size * 8))]
    }),
  )
  await torch.ask('open', { folder, threads, dtype })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- torch_side.py answers so
  const { losses } = (await torch.ask('steps', { count: STEPS })) as { readonly losses: readonly number[] }
  await torch.stop()
  return { loss: first.loss, gradients, losses, version: torch.version }
}

const normOf = (data: ArrayLike<number>): number => {
  let squares = 0
  for (let i = 0; i < data.length; i++) squares += (data[i] ?? 0) ** 2
  return Math.sqrt(squares)
}
/** The distance of two gradients by the norm of the right one; of one that is zero but for rounding, by the norm of all. */
const gradientError = (given: ArrayLike<number>, right: Float64Array, all: number) =>
  normOf(right.map((value, i) => value - (given[i] ?? Number.NaN))) / Math.max(normOf(right), 1e-6 * all)
/** How far two curves are apart at the most, as a share of the second's first loss. */
const spread = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((loss, i) => Math.abs(loss - (b[i] ?? Number.NaN)))) / Math.abs(b[0] ?? Number.NaN)

const compare = async (name: string, job: Job): Promise<boolean> => {
  const folder = mkdtempSync(join(tmpdir(), 'parity-'))
  try {
    writeJob(folder, job)
    const [right, one, two] = [await torchs(folder, 1, 'float64'), await torchs(folder, 1, 'float32'), await torchs(folder, 2, 'float32')]
    const here = await ours(job, 2)
    const all = normOf([...right.gradients.values()].map(normOf))
    const errorsOf = (given: ReadonlyMap<string, ArrayLike<number>>) =>
      Math.max(...[...right.gradients].map(([key, gradient]) => gradientError(given.get(key) ?? [], gradient, all)))
    const loss = Math.abs(here.loss - right.loss) / right.loss
    const gradient = errorsOf(here.gradients)
    // PyTorch's threads may agree to the bit; then its own rounding is what there is to compare with.
    const allowed = Math.max(spread(one.losses, two.losses), spread(one.losses, right.losses), spread(two.losses, right.losses))
    const distance = Math.min(...[one, two, right].map(({ losses }) => spread(here.losses, losses)))
    const good = loss <= bounds.loss && gradient <= bounds.gradient && distance <= Math.max(allowed, bounds.loss)
    const e = (value: number) => value.toExponential(1)
    console.log(`${good ? 'same ' : 'OTHER'} ${name}: loss ${e(loss)} (bound ${e(bounds.loss)}); worst of ${right.gradients.size} gradients ${e(gradient)} (bound ${e(bounds.gradient)}; PyTorch's own float32 ${e(errorsOf(one.gradients))}); ${STEPS} steps ${e(distance)} apart (PyTorch's spread: threads ${e(spread(one.losses, two.losses))}, with float64 ${e(allowed)}); loss ${here.losses[0]?.toFixed(4)} to ${here.losses.at(-1)?.toFixed(4)} (PyTorch ${one.version}: ${one.losses.at(-1)?.toFixed(4)})`) // prettier-ignore
    return good
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const chosen = process.argv.slice(2)
const unknown = chosen.find((name) => !Object.hasOwn(jobs, name))
if (unknown !== undefined) throw new Error(`there is no model "${unknown}"; there are ${Object.keys(jobs).join(', ')}`)
for (const [name, make] of Object.entries(jobs)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue
  if (!(await compare(name, make()))) process.exitCode = 1
}

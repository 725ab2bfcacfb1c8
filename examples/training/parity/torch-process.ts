import { spawn } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { bytesOf, type Tensor } from '../../../src/core/tensor.ts'
import type { Job } from './jobs.ts'

/** Which Python has PyTorch: `python3`, or what the environment names. */
const python = process.env['PYTHON'] ?? 'python3'

/** Writes a job for torch_side.py: job.json, and all tensors one behind the other in tensors.bin. */
export const writeJob = (folder: string, { graph, batches, model, options, optimizer, rate }: Job): void => {
  const file = openSync(join(folder, 'tensors.bin'), 'w')
  let end = 0
  const place = (tensor: Tensor) => {
    const offset = end
    end += writeSync(file, bytesOf(tensor))
    return { dtype: tensor.dtype, shape: tensor.shape, offset }
  }
  const weights = Object.fromEntries([...graph.initializers].filter(([, { dtype }]) => dtype === 'float32').map(([name, tensor]) => [name, place(tensor)])) // prettier-ignore
  const placed = batches.map((batch) => Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, place(tensor)])))
  closeSync(file)
  writeFileSync(join(folder, 'job.json'), JSON.stringify({ model, options, optimizer, rate, weights, batches: placed }))
}

export interface TorchProcess {
  readonly pid: number
  readonly version: string
  /** Gives an order, and its answer. */
  ask(op: string, facts?: Readonly<Record<string, unknown>>): Promise<unknown>
  stop(): Promise<void>
}

/** Starts PyTorch. @throws Error naming what is absent */
export const startTorch = async (threads: number): Promise<TorchProcess> => {
  const child = spawn(python, [fileURLToPath(new URL('torch_side.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // As many threads as our side has, and no more; and they sleep while they wait, for on a busy machine their waiting
    // awake makes PyTorch two to five times slower, which would flatter us.
    env: {
      ...process.env,
      OMP_WAIT_POLICY: 'PASSIVE',
      OMP_NUM_THREADS: String(threads),
      MKL_NUM_THREADS: String(threads),
      OPENBLAS_NUM_THREADS: String(threads),
    },
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`PyTorch is absent, or its side of the work ended: see above (${python})`)
    const answer: unknown = JSON.parse(line.value)
    return answer
  }
  const stop = async () => {
    child.stdin.end()
    await ended
  }
  const first = await next()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- torch_side.py begins so
  const { torch, absent } = first as { readonly torch?: string; readonly absent?: string }
  if (torch === undefined) throw new Error(`PyTorch is absent (${python}: ${absent}): install it, or name a Python that has it in PYTHON`)
  const ask = (op: string, facts = {}) => {
    child.stdin.write(`${JSON.stringify({ op, ...facts })}\n`)
    return next()
  }
  return { pid: child.pid ?? 0, version: torch, ask, stop }
}

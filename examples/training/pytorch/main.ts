// A PyTorch model trained at a storage node, and taken home, as docs/training.md says it:
//   PYTHON=/usr/bin/python3 node --import tsx examples/training/pytorch/main.ts
// PYTHON names a Python that has torch, onnx and (for PyTorch's default exporter) onnxscript. A word at the end, `legacy`,
// selects the older exporter. Ends with status 1 where PyTorch does not give what onnxruntime does.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as onnx from 'onnxruntime-node'
import { opDraws } from '../../../src/core/random.ts'
import { connect, dataset } from '../../../src/index.ts'

const CLASSES = 10
const PIXELS = 3 * 32 * 32
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const cli = [...['--import', 'tsx'], here('../../../src/cli.ts')]

const run = async (command: string, args: readonly string[]): Promise<void> => {
  const child = spawn(command, args, { stdio: 'inherit' })
  const [code]: (number | null)[] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code}`)
}
const python = (file: string, ...args: readonly string[]) => run(process.env['PYTHON'] ?? 'python3', [here(file), ...args])

/** Noise around a pattern for each class. */
const imagesOf = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const [noise, label] = [opDraws(1, 0, `image ${i}`, 0), i % CLASSES]
    const pattern = opDraws(1, 0, `class ${label}`, 1)
    return { id: `i${i}`, label, pixels: Float32Array.from({ length: PIXELS }, () => pattern.uniform() - 0.5 + 2 * (noise.uniform() - 0.5)) } // prettier-ignore
  })

const folder = await mkdtemp(join(tmpdir(), 'active-storage-pytorch-'))
const node = spawn(process.execPath, [...cli, 'node', '--json', '--listen', '127.0.0.1:0', '--data', join(folder, 'node')], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const [line]: string[] = await once(createInterface({ input: node.stdout }), 'line')
  const told: unknown = JSON.parse(line ?? '{}')
  if (typeof told !== 'object' || told === null || !('address' in told)) throw new Error(`the node said ${line}`)
  const address = String(told.address)
  const images = imagesOf(640)
  const client = await connect({ node: address })
  await client.object(dataset, 'images').put(images.map(({ id, label, pixels }) => ({ id, label, bytes: new Uint8Array(pixels.buffer) })))
  await client.close()

  await python('export_model.py', folder, process.argv[2] ?? 'default')
  const trained = join(folder, 'trained.onnx')
  const files = ['--model', join(folder, 'model.onnx'), '--plan', here('plan.json'), '--export', trained]
  await run(process.execPath, [...cli, 'train', 'net', '--node', address, ...files])

  const session = await onnx.InferenceSession.create(trained)
  const tried = new Float32Array(images.flatMap(({ pixels }) => [...pixels]))
  const { logits } = await session.run({ image: new onnx.Tensor('float32', tried, [images.length, 3, 32, 32]) })
  if (!(logits?.data instanceof Float32Array)) throw new Error('the trained model gives no logits')
  await writeFile(join(folder, 'images.f32'), new Uint8Array(tried.buffer))
  await writeFile(join(folder, 'logits.f32'), new Uint8Array(logits.data.slice().buffer))
  await python('take_home.py', folder)
} finally {
  node.kill('SIGTERM')
  await once(node, 'exit')
  await rm(folder, { recursive: true })
}

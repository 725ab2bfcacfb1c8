// Run as a process: a client that moves tensors, alone or as the other caller of a node. Arguments: side, address.
import { bareClient, DEADLINE_MS } from './bare-grpc.ts'
import { builtIndex } from './built.ts'
import { answer, type Facts, numberIn } from './lines.ts'

const [, , side, address = ''] = process.argv

const ours = async () => {
  const index = await builtIndex()
  const { bench } = await import('./bench-objects.mjs')
  const client = await index.connect({ node: address, timeoutMs: DEADLINE_MS })
  const remote = index.withCall(client.object(bench, 'main'), { place: 'node' })
  const tensors = new Map<number, ReturnType<typeof made>>()
  const made = (bytes: number) => new index.Tensor('float32', new Float32Array(bytes / 4).fill(1.5), [bytes / 4])
  return {
    up: async (bytes: number) => {
      const tensor = tensors.get(bytes) ?? made(bytes)
      tensors.set(bytes, tensor)
      return remote.take(tensor)
    },
    down: async (bytes: number) => (await remote.give(bytes)).byteLength,
  }
}
const bare = () => {
  const client = bareClient(address)
  const buffers = new Map<number, Buffer>()
  return {
    up: async (bytes: number) => {
      const buffer = buffers.get(bytes) ?? Buffer.alloc(bytes, 1)
      buffers.set(bytes, buffer)
      return (await client.up(buffer)).bytes
    },
    down: async (bytes: number) => (await client.down(bytes)).byteLength,
  }
}
const transfers = side === 'bare' ? bare() : await ours()
// One of each, so that what is loaded on first use lies there already. Small enough to leave memory as it is.
await transfers.up(4096)
await transfers.down(4096)

let looping = false
let running: Promise<number> = Promise.resolve(0)
const loop = async (way: 'up' | 'down', bytes: number): Promise<number> => {
  let made = 0
  while (looping) {
    await transfers[way](bytes)
    made++
  }
  return made
}
const wayOf = (asked: Facts) => (asked['way'] === 'up' ? 'up' : 'down')

await answer({
  /** So many transfers, then an answer. */
  transfer: async (asked) => {
    const began = performance.now()
    for (let made = 0; made < numberIn(asked, 'times'); made++) {
      const bytes = await transfers[wayOf(asked)](numberIn(asked, 'bytes'))
      if (bytes !== numberIn(asked, 'bytes')) throw new Error(`${bytes} bytes arrived`)
    }
    return { ms: performance.now() - began }
  },
  /** Transfers without end, until `rest`. */
  loop: async (asked) => {
    looping = true
    running = loop(wayOf(asked), numberIn(asked, 'bytes'))
    return Promise.resolve({ looping: 1 })
  },
  rest: async () => {
    looping = false
    return { made: await running }
  },
})

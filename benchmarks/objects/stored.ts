import { rm } from 'node:fs/promises'
import { builtIndex } from '../support/built.ts'
import { DEADLINE_MS } from '../support/bare-grpc.ts'
import { newFolder, type NodePlace, startNode, startScript } from '../support/processes.ts'

/** A module for `--objects`. */
export const storedObjects = 'benchmarks/support/stored-objects.mjs'

/** A node that has the object types with state, and a client of it. */
export const openCounters = async (args: readonly string[] = [], place: NodePlace = {}) => {
  const index = await builtIndex()
  const { counter, block } = await import('../support/stored-objects.mjs')
  const node = await startNode(['--objects', storedObjects, ...args], place)
  const client = await index.connect({ node: node.address, timeoutMs: DEADLINE_MS }).catch(async (error: unknown) => {
    await node.stop()
    throw error
  })
  const site = index.withCall(client.object(index.site, 'main'), { place: 'node' })
  const close = async () => {
    await client.close()
    await node.stop()
  }
  return { node, client, index, site, counter, block, [Symbol.asyncDispose]: close }
}

const fillStore = new URL('./fill-store.ts', import.meta.url)

/** A node's folder with so many counters in it, which goes in the end. */
export const filledFolder = async (objects: number) => {
  const data = await newFolder()
  const close = () => rm(data, { recursive: true, force: true })
  try {
    await using filler = await startScript(fillStore)
    await filler.ask('fill', { data, objects })
    return { data, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '../../src/sdk/client.ts'
import { connect } from '../../src/sdk/connect.ts'
import type { Epoch } from './callers.ts'
import { type Link, startLink } from './faults/links.ts'
import type { Trigger } from './kills.ts'
import { fixedAddress, type NodeLife, type NodeSpec, startLife } from './node.ts'

/** The nodes of a run: `one`, where objects are at home by default, and others where a workload needs them. */
export const nodeNames = ['one', 'two', 'three'] as const
export type NodeName = (typeof nodeNames)[number]

/** A node that ended though nobody had killed it, or that stopped to answer. */
export class NodeFailed extends Error {}

export interface Cluster {
  /** The nodes that do not run. */
  readonly down: readonly NodeName[]
  /** Lives of all nodes so far. */
  readonly lives: number
  /** Starts a node that is down, and kills it so long after. */
  killInStart(name: NodeName, afterMs: number): Promise<void>
  /** Starts what is down, waits until all serve, and gives callers new clients. @returns ms from the start to the first replies */
  serve(trigger: Trigger): Promise<number>
  /** Tells another trigger of the calls from now on. */
  watch(trigger: Trigger): void
  /** The process of a node that runs. */
  pid(name: NodeName): number | undefined
  /** Where a node listens, without a link of the run in between. */
  address(name: NodeName): string
  /** The links of clients to nodes, and of nodes to each other. */
  readonly links: readonly Link[]
  /** Resolves where a node ends by itself. @throws NodeFailed */
  readonly ended: Promise<never>
  /** Takes the clients from the callers and kills a node. */
  kill(name: NodeName): Promise<void>
  /** The epoch in which all nodes serve: now, or when they do again. */
  epoch(): Promise<Epoch>
  /** Kills what runs, and waits for what is under way. */
  close(): Promise<void>
}

export interface ClusterOptions {
  readonly data: string
  readonly nodes: readonly NodeName[]
  readonly clients: number
  readonly mutant: string | undefined
  /** Folders of the nodes' machine. */
  readonly backups: string
  readonly adopt: string
}

export const createCluster = async ({ data, nodes, clients: clientCount, mutant, backups, adopt }: ClusterOptions): Promise<Cluster> => {
  const addresses = new Map<NodeName, string>()
  for (const name of nodes) addresses.set(name, await fixedAddress([...addresses.values()]))
  const specs = new Map<NodeName, NodeSpec>()
  const links: Link[] = []
  const linkTo = async (address: string): Promise<string> => {
    const link = await startLink(address)
    links.push(link)
    return link.address
  }
  /** Where clients find a node. */
  const entrances = new Map<NodeName, string>()
  for (const [name, address] of addresses) {
    entrances.set(name, await linkTo(address))
    const peers: Record<string, string> = {}
    for (const [other, at] of addresses) if (other !== name) peers[other] = await linkTo(at)
    specs.set(name, { name, data: join(data, name), address, peers, mutant, backups, adopt })
    await mkdir(join(data, name))
  }
  let trigger: Trigger | undefined
  const running = new Map<NodeName, NodeLife>()
  let lives = 0
  let failed = (_: NodeFailed) => undefined as void
  const ended = new Promise<never>((_, reject) => (failed = reject))
  ended.catch(() => undefined)

  const start = (name: NodeName): NodeLife => {
    lives++
    const life = startLife(specs.get(name)!)
    running.set(name, life)
    void life.gone.then(() => {
      if (!life.killed) failed(new NodeFailed(`node ${name} ended by itself in life ${lives}: ${life.said}`))
    })
    return life
  }
  const stop = async (name: NodeName) => {
    const life = running.get(name)
    running.delete(name)
    life?.kill()
    await life?.gone
  }
  const down = () => nodes.filter((name) => !running.has(name))

  // While not all nodes serve, callers wait for the promise of the next epoch.
  let publish = (_: Epoch) => undefined as void
  let current = new Promise<Epoch>((resolve) => (publish = resolve))
  let endEpoch = () => undefined as void
  const closing: Promise<unknown>[] = []

  const connected = (): Promise<Client> =>
    connect({
      sites: Object.fromEntries(
        [...entrances].map(([name, address]) => [name, { role: name === 'one' ? ('node' as const) : ('cloud' as const), address }]),
      ),
      // Of calls without a deadline of their own.
      timeoutMs: 20_000,
      onWarning: () => undefined,
    })
  const begin = async () => {
    const clients = await Promise.all(Array.from({ length: clientCount }, connected))
    const held = new Set<Promise<unknown>>()
    let over = false
    endEpoch = () => {
      if (over) return
      over = true
      current = new Promise((resolve) => (publish = resolve))
      closing.push(Promise.allSettled(held).then(() => Promise.all(clients.map((client) => client.close()))))
    }
    publish({
      life: lives,
      clientOf: (caller) => clients[caller % clientCount]!,
      get over() {
        return over
      },
      asked: (workload) => trigger?.asked(workload),
      replied: () => trigger?.replied(),
      hold(call) {
        held.add(call)
        const release = () => void held.delete(call)
        call.then(release, release)
        return call
      },
    })
  }

  return {
    get down() {
      return down()
    },
    get lives() {
      return lives
    },
    ended,
    async killInStart(name, afterMs) {
      start(name)
      await new Promise<void>((resolve) => setTimeout(resolve, afterMs))
      await stop(name)
    },
    watch(next) {
      trigger = next
    },
    pid: (name) => running.get(name)?.pid,
    address: (name) => addresses.get(name)!,
    links,
    async serve(next) {
      trigger = next
      const began = performance.now()
      await Promise.race([Promise.all(down().map((name) => start(name).serving)), ended])
      await begin()
      return performance.now() - began
    },
    kill(name) {
      endEpoch()
      return stop(name)
    },
    epoch: () => current,
    async close() {
      endEpoch()
      await Promise.all([...running.keys()].map(stop))
      await Promise.all(closing)
      await Promise.all(links.map((link) => link.close()))
    },
  }
}

import type { ObjectType } from '../../../src/core/define.ts'
import type { Host } from '../../../src/storage-node/host.ts'
import type { Product } from '../product/build.ts'
import { createDisk, type Disk, diskStore } from './disk.ts'
import { createDraws } from './draws.ts'
import { fileModulesOf } from './file-modules.ts'
import { globalsOf, type ProcessGlobals } from './globals.ts'
import { createLife, type Life } from './life.ts'
import type { Server } from './links.ts'
import type { Network } from './network.ts'
import type { Scheduler } from './scheduler.ts'

/** 1 June 2026. */
const EPOCH_MS = 1_780_272_000_000
/** A process that is asked to stop has so long for the calls under way. */
const GRACE_MS = 1000

export interface MachineOptions {
  readonly name: string
  readonly seed: number
  readonly scheduler: Scheduler
  readonly network: () => Network
  readonly start: (globals: ProcessGlobals) => Product
  readonly types: readonly ObjectType[]
  readonly calls: number
  readonly pendingBytes: number
}

/** A machine with a disk and a clock, on which one host runs at a time. */
export interface Machine extends Server {
  readonly name: string
  readonly disk: Disk
  /** Of the processes that run hosts here. */
  readonly limits: { noDescriptors: boolean }
  /** How far the clock of the machine is off, in ms. */
  clockOffMs: number
  readonly host: Host | undefined
  /** The modules of the process that runs now. */
  readonly product: Product | undefined
  /** Whether a process is there, also one that starts or stops. */
  readonly running: boolean
  readonly starts: number
  /** Starts a host on the disk. Resolves when it serves; never where the process is killed before. */
  start(): Promise<void>
  /** The process is gone at once, with `power` also what its disk had not synced. */
  kill(power: boolean): void
  /** The host ends by itself, as on SIGTERM. */
  stop(): Promise<void>
}

export const createMachine = ({ name, seed, scheduler, network, start, types, calls, pendingBytes }: MachineOptions): Machine => {
  const disk = createDisk(createDraws(seed, `disk of ${name}`))
  let starts = 0
  let life: Life | undefined
  let host: Host | undefined
  let product: Product | undefined
  let accepting = false
  const end = () => {
    const ended = life
    if (ended === undefined) return
    ended.end()
    life = host = undefined
    accepting = false
    network().died(ended)
  }
  const machine: Machine = {
    name,
    disk,
    limits: { noDescriptors: false },
    clockOffMs: 0,
    get host() {
      return host
    },
    get product() {
      return product
    },
    get running() {
      return life !== undefined
    },
    get starts() {
      return starts
    },
    serving: () => (accepting && life !== undefined && host !== undefined ? { life, transport: host } : undefined),
    async start() {
      end()
      // The clock is set when a machine starts.
      machine.clockOffMs = 0
      const own = createLife(name, scheduler, createDraws(seed, `process ${name} ${++starts}`), () =>
        Math.floor(EPOCH_MS + scheduler.now + machine.clockOffMs),
      )
      life = own
      const { globals, modules } = globalsOf(own)
      product = start({ globals, modules: { ...modules, ...fileModulesOf(own, disk, machine.limits) } })
      await own.pause(own.draws.between(1, 50), 'starts')
      const links = network().linksOf(own)
      const made = await product.startHost({ name, types, store: diskStore(own, disk), links, calls, pendingBytes })
      if (!own.alive) return
      host = made
      accepting = true
    },
    kill(power) {
      end()
      if (power) disk.lose()
    },
    async stop() {
      accepting = false
      const own = life
      await host?.close({ graceMs: GRACE_MS })
      if (own === life) end()
    },
  }
  return machine
}

/** A process that asks: with the same modules, and no host. */
export const createCaller = ({ name, seed, scheduler, network, start }: Omit<MachineOptions, 'types' | 'calls' | 'pendingBytes'>) => {
  const life = createLife(name, scheduler, createDraws(seed, `caller ${name}`), () => Math.floor(EPOCH_MS + scheduler.now))
  const { globals, modules } = globalsOf(life)
  const product = start({ globals, modules: { ...modules, ...fileModulesOf(life, createDisk(life.draws)) } })
  return { life, newCallId: product.newCallId, from: product.openClient(network().linksOf(life)) }
}
export type Caller = ReturnType<typeof createCaller>

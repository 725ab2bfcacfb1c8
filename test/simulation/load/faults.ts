import type { Machine } from '../world/machine.ts'
import type { Draws } from '../world/draws.ts'
import { CALM } from '../world/links.ts'
import { count, type World } from './world.ts'

const HOUR_MS = 3600_000

/** One kind of trouble: begins it, and gives what ends it after a while. */
interface Fault {
  readonly name: string
  /** How long it lasts, in ms. */
  readonly lasts: readonly [number, number]
  /** Whether changes on their way to the disk may be lost. */
  readonly loses?: true
  begin(world: World, draws: Draws): (() => void | Promise<void>) | undefined
}

const machineOf = ({ machines }: World, draws: Draws): Machine => draws.pick([...machines.values()])
const placesOf = ({ machines, callers }: World) => [...machines.keys(), ...callers.map(({ life }) => life.name)]

const again = (machine: Machine) => () => (machine.running ? undefined : restart(machine))
/** A start fails where the disk takes no writes: it is tried again when the faults are over. */
const restart = (machine: Machine) => machine.start().catch(() => machine.kill(false))

export const faults: readonly Fault[] = [
  {
    name: 'cut',
    lasts: [50, 8000],
    begin({ network, ...world }, draws) {
      const places = placesOf({ network, ...world })
      const [one, other] = [draws.pick([...world.machines.keys()]), draws.pick(places)]
      if (one === other) return undefined
      network.set(one, other, true, draws.chance(0.4))
      return () => network.set(one, other, false)
    },
  },
  {
    name: 'kill',
    loses: true,
    lasts: [50, 5000],
    begin(world, draws) {
      const machine = machineOf(world, draws)
      if (machine.host === undefined) return undefined
      machine.kill(draws.chance(0.5))
      return again(machine)
    },
  },
  {
    name: 'stop',
    loses: true,
    lasts: [2000, 5000],
    begin(world, draws) {
      const machine = machineOf(world, draws)
      if (machine.host === undefined) return undefined
      void machine.stop().catch((error: unknown) => world.model.find(`${machine.name} does not stop: ${String(error)}`))
      return async () => {
        machine.kill(false)
        await restart(machine)
      }
    },
  },
  {
    name: 'disk full',
    loses: true,
    lasts: [5, 3000],
    begin(world, draws) {
      const { disk } = machineOf(world, draws)
      if (disk.refusal !== undefined) return undefined
      disk.refusal = draws.chance(0.7) ? 'ENOSPC' : 'EIO'
      return () => void (disk.refusal = undefined)
    },
  },
  {
    name: 'no descriptors',
    lasts: [5, 1000],
    begin(world, draws) {
      const { limits } = machineOf(world, draws)
      limits.noDescriptors = true
      return () => void (limits.noDescriptors = false)
    },
  },
  {
    name: 'slow disk',
    lasts: [500, 5000],
    begin(world, draws) {
      const { disk } = machineOf(world, draws)
      disk.slowness = draws.between(3, 30)
      return () => void (disk.slowness = 1)
    },
  },
  {
    name: 'slow link',
    lasts: [500, 5000],
    begin({ network, ...world }, draws) {
      const places = placesOf({ network, ...world })
      const state = network.stateOf(draws.pick([...world.machines.keys()]), draws.pick(places))
      state.slowness = draws.between(3, 60)
      return () => void (state.slowness = 1)
    },
  },
  {
    name: 'clock step',
    lasts: [100, 90_000],
    begin(world, draws) {
      const machine = machineOf(world, draws)
      machine.clockOffMs = draws.pick([25, -25]) * HOUR_MS
      return () => void (machine.clockOffMs = 0)
    },
  },
]

/** Makes trouble of one kind until the load is over, and ends it then. */
export const makeTrouble = async (world: World, fault: Fault, draws: Draws, everyMs: number): Promise<void> => {
  while (!world.over) {
    await world.scheduler.pause(draws.between(0, 2 * everyMs), `next ${fault.name}`)
    if (world.over) return
    const end = fault.begin(world, draws)
    if (end === undefined) continue
    count(world, `fault ${fault.name}`)
    if (fault.loses === true) world.model.lossy()
    const [least, most] = fault.lasts
    // As often short as long.
    await world.scheduler.pause(least * (most / least) ** draws.next(), `end of ${fault.name}`)
    if (fault.loses === true) world.model.lossy()
    // What is left then is ended by `heal`.
    if (!world.over) await end()
  }
}

/** Ends all trouble but that of clocks: links are whole, disks take writes, every machine runs a host. */
export const heal = async (world: World): Promise<void> => {
  const places = placesOf(world)
  world.model.lossy()
  world.network.lose(CALM)
  for (const one of world.machines.keys())
    for (const other of places) {
      world.network.set(one, other, false)
      world.network.stateOf(one, other).slowness = 1
    }
  for (const machine of world.machines.values()) {
    Object.assign(machine.disk, { refusal: undefined, slowness: 1 })
    machine.limits.noDescriptors = false
    if (machine.serving() === undefined) {
      machine.kill(false)
      await machine.start()
    }
  }
}

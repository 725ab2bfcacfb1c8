import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os'

/** The machine that the figures belong to, and how busy it was when the run began. */
export const machine = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryMib: Math.round(totalmem() / 2 ** 20),
  freeMib: Math.round(freemem() / 2 ** 20),
  node: process.version,
  date: new Date().toISOString(),
  loadavg: loadavg().map((load) => Number(load.toFixed(2))),
})

export const machineLine = ({ cpu, cores, memoryMib, node, date, loadavg: load }: ReturnType<typeof machine>): string =>
  `machine: ${cpu}, ${cores} cores, ${memoryMib} MiB, node ${node}, ${date}, load ${load.join(' ')}`

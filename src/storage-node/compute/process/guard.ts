import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

const PR_SET_PDEATHSIG = 1
const SIGKILL = 9
const RLIMIT_CORE = 4

/** What a terminal or a supervisor sends to all processes of a group. The host ends its processes itself, after their work. */
const IGNORED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

const WATCHDOG = `
const { workerData } = require('node:worker_threads')
setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL')
}, 500)
`

const byKernel = async (): Promise<boolean> => {
  if (process.platform !== 'linux') return false
  try {
    const { default: koffi } = await import('koffi')
    const libc = koffi.load('libc.so.6')
    const prctl: unknown = libc.func('int prctl(int option, unsigned long value)')
    const setrlimit: unknown = libc.func('int setrlimit(int resource, const uint64_t *limits)')
    // A model that divides by zero would write all memory of its process to the disk.
    if (typeof setrlimit === 'function') setrlimit(RLIMIT_CORE, [0n, 0n])
    return typeof prctl === 'function' && prctl(PR_SET_PDEATHSIG, SIGKILL) === 0
  } catch {
    return false
  }
}

/**
 * Ties this process to its parent: it ends when the parent has ended, even in the middle of a run that has no end. The kernel
 * sees to that on Linux; elsewhere a thread that looks at the parent's id twice a second.
 * @param parent the parent's id, as the parent knows it
 */
export const tieTo = async (parent: number): Promise<void> => {
  for (const signal of IGNORED) process.on(signal, () => undefined)
  try {
    // Where memory runs out, the system ends this process rather than its parent.
    writeFileSync('/proc/self/oom_score_adj', '1000')
  } catch {
    // Not on this system.
  }
  if (!(await byKernel())) new Worker(WATCHDOG, { eval: true, workerData: parent }).unref()
  // The parent may have ended before.
  if (process.ppid !== parent) process.exit(0)
}

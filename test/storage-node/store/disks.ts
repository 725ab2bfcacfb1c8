import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export const run = (command: string, ...args: string[]) => spawnSync(command, args, { encoding: 'utf8' })
const must = (command: string, ...args: string[]) => {
  const { status, stderr } = run(command, ...args)
  assert.equal(status, 0, stderr)
}
const absent = (t: TestContext, what: string, why: { stderr?: string | null; error?: Error | undefined }) => {
  t.skip(`${what} is absent or not permitted here: ${why.error?.message ?? why.stderr?.trim() ?? ''}`)
  return undefined
}

/** Mounts a disk by the commands given for its folder, and a file beside it; undefined where one of them is refused. */
const mounted = (t: TestContext, what: string, script: (folder: string, image: string) => string): string | undefined => {
  const base = mkdtempSync(join(tmpdir(), 'as-test-'))
  const folder = join(base, 'disk')
  mkdirSync(folder)
  const ran = run('sh', '-ec', script(folder, join(base, 'image')))
  t.after(() => {
    if (ran.status === 0) must('umount', '-l', folder)
    rmSync(base, { recursive: true, force: true })
  })
  return ran.status === 0 ? folder : absent(t, what, ran)
}

/** A disk of its own, of a few MiB, in memory; undefined, and the test skipped, where none can be mounted. */
export const smallDisk = (t: TestContext, mib = 8): string | undefined =>
  mounted(t, 'mount (tmpfs)', (folder) => `mount -t tmpfs -o size=${mib}m tmpfs ${folder}`)

/**
 * A disk of its own that can be made read-only under its open files, as a kernel does with a disk that fails; and
 * repaired, once no file of it is open.
 */
export const failingDisk = (t: TestContext, mib = 24): { readonly folder: string; fail(): void; repair(): void } | undefined => {
  let image = ''
  const folder = mounted(t, 'mkfs.ext4 or mount -o loop', (at, file) => {
    image = file
    return `truncate -s ${mib}M ${image}; mkfs.ext4 -q ${image}; mount -o loop ${image} ${at}`
  })
  if (folder === undefined) return undefined
  return {
    folder,
    fail: () => must('mount', '-o', 'remount,abort', folder),
    repair() {
      must('umount', folder)
      must('mount', '-o', 'loop', image, folder)
    },
  }
}

/** Takes all space of a disk, as another program would. */
export const fill = (disk: string): { free(): void; shrink(bytes: number): void; grow(): void } => {
  const file = join(disk, 'of-somebody-else')
  const grow = () => {
    const handle = openSync(file, 'a')
    let bytes = Buffer.alloc(64 * 1024)
    for (;;) {
      try {
        writeSync(handle, bytes)
      } catch {
        if (bytes.length === 1) break
        bytes = bytes.subarray(0, bytes.length / 4)
      }
    }
    closeSync(handle)
  }
  grow()
  return { free: () => rmSync(file), shrink: (by) => truncateSync(file, statSync(file).size - by), grow }
}

/** Runs a program with system calls that fail; undefined, and the test skipped, without strace. */
export const withStrace = (
  t: TestContext,
  options: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
) => {
  const able = run('strace', '-f', '-e', 'trace=none', 'true')
  if (able.status !== 0) return absent(t, 'strace', able)
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  return run('strace', '-f', ...options, 'env', ...variables, process.execPath, '--import', 'tsx', ...args)
}

// Makes a fresh clone ready: checks Node's version, and installs the packages of package-lock.json where that has not
// been done. Plain JavaScript without a dependency, since it runs before there is any. Costs a few ms once all is there.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const LEAST = [20, 19]
const root = fileURLToPath(new URL('..', import.meta.url))
const lockFile = `${root}package-lock.json`
const stampFile = `${root}node_modules/.active-storage-setup`

const stop = (...lines) => {
  console.error(`\n${lines.join('\n')}\n`)
  process.exit(1)
}

const checkNode = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return
  stop(`active-storage needs Node.js ${LEAST.join('.')} or later; this is ${process.version} (${process.execPath}).`)
}

const read = (file) => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Whether somebody's own `npm install` has already put there exactly what the lock file says: npm's record tells. */
const sameAsInstalled = (lockText) => {
  const recorded = read(`${root}node_modules/.package-lock.json`)
  if (recorded === undefined) return false
  const wanted = JSON.parse(lockText).packages
  const found = JSON.parse(recorded).packages
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true
    const there = found[path]
    if (there === undefined) return optional === true
    return there.version === version && there.integrity === integrity && existsSync(`${root}${path}/package.json`)
  })
}

const install = () => {
  console.log('active-storage: first set-up. Installing the packages of package-lock.json (they take about 560 MB on disk).')
  const began = Date.now()
  // Under `npm run`, the same npm again. No package here needs its install script, and onnxruntime-node's would fetch
  // GPU files from a foreign host.
  const args = ['ci', '--no-audit', '--no-fund', '--ignore-scripts']
  const npm = process.env.npm_execpath
  const [command, all] = npm?.endsWith('.js') ? [process.execPath, [npm, ...args]] : ['npm', args]
  const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1', npm_config_progress: 'true' }
  const { status, error } = spawnSync(command, all, { cwd: root, stdio: 'inherit', env })
  if (error !== undefined || status !== 0) {
    stop(
      `The packages could not be installed (${error?.message ?? `npm ci ended with status ${status}`}). What to do:`,
      '  1. Read npm\'s own message above. "ENOTFOUND", "ETIMEDOUT" or "ECONNREFUSED": the package registry cannot be reached.',
      '     Behind a proxy or a mirror, tell npm of it: npm config set proxy URL, or npm config set registry URL.',
      '  2. "ENOSPC": the disk is full; the packages take about 600 MB.',
      '  3. "EUSAGE": package.json and package-lock.json disagree; run npm install, and commit both files.',
      '  4. Then run the same command again: it starts afresh.',
    )
  }
  console.log(`active-storage: set up in ${Math.round((Date.now() - began) / 1000)} s. Later runs need no network.\n`)
}

checkNode()
const lockText = read(lockFile)
if (lockText === undefined) stop(`There is no ${lockFile}: the clone is not complete.`)
const hash = createHash('sha256').update(lockText).digest('hex')
if (read(stampFile) !== hash) {
  if (!sameAsInstalled(lockText)) install()
  writeFileSync(stampFile, hash)
}

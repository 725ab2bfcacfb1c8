// Runs the tests with node:test, which takes no globs in Node 20.
//   node scripts/test.mjs [--long] [PART-OF-A-PATH ...] [--any-option-of-node=value ...]
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const args = process.argv.slice(2)
const long = args.includes('--long')
const options = args.filter((arg) => arg.startsWith('-') && arg !== '--long')
const parts = args.filter((arg) => !arg.startsWith('-'))

const filesIn = (folder) =>
  readdirSync(`${root}${folder}`, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesIn(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]))
    .toSorted((a, b) => (a < b ? -1 : 1))

const all = filesIn('test').filter((file) => file.endsWith('.test.ts') && file.endsWith('.long.test.ts') === long)
const files = all.filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
if (files.length === 0) {
  if (long && all.length === 0) {
    console.log('There are no long tests (test/**/*.long.test.ts).')
    process.exit(0)
  }
  console.error(`No test file has ${parts.join(' or ')} in its path.`)
  process.exit(1)
}

const chosen = (name, value) => (options.some((option) => option.startsWith(`--${name}`)) ? [] : [`--${name}=${value}`])
const child = spawn(
  process.execPath,
  ['--import', 'tsx', '--test', ...chosen('test-reporter', 'spec'), ...chosen('test-concurrency', 2), ...options, ...files],
  {
    cwd: root,
    stdio: 'inherit',
    // Pinned, so that a run does not depend on the caller's environment; 4 is libuv's own default.
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1', UV_THREADPOOL_SIZE: '4' },
  },
)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
child.on('exit', (code) => process.exit(code ?? 1))

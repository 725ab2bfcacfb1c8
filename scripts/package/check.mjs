// Packs the package, installs it into empty folders and uses it there in every form of module:
//   npm run pack:check -- [--node /path/to/node ...] [--npm /path/to/npm-cli.js ...] [--keep TARBALL] [--skip-types]
// Each Node.js with each npm; by default those that run this. In a network namespace from which the package registry of
// npm's configuration alone is reached, where one can be made (as root, or with user namespaces). Ends with a table.
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { registryOf, startRelay, withoutNetwork } from './network.mjs'

const MOST_MEGABYTES = 120
const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    node: { type: 'string', multiple: true, default: [process.execPath] },
    npm: { type: 'string', multiple: true, default: [process.env.npm_execpath ?? ''] },
    keep: { type: 'string' },
    'skip-types': { type: 'boolean', default: false },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'active-storage-pack-'))
const here = (path) => (path === '' ? ['npm'] : [process.execPath, resolve(path)])
const npm = here(values.npm[0])

console.log('packing ...')
execFileSync(npm[0], [...npm.slice(1), 'pack', '--silent', '--pack-destination', folder], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
})
const tarball = join(
  folder,
  readdirSync(folder).find((name) => name.endsWith('.tgz')),
)
console.log(`packed: ${(statSync(tarball).size / 1e6).toFixed(1)} MB`)
if (values.keep !== undefined) cpSync(tarball, values.keep)
const model = join(folder, 'model.onnx')
execFileSync(process.execPath, ['--import', 'tsx', join(root, 'scripts/package/make-model.ts'), model], { cwd: root })

const compilers = join(folder, 'compilers')
const aliases = { 'TypeScript 5': 'typescript-5@npm:typescript@5', 'TypeScript 7': 'typescript-7@npm:typescript@7' }
if (!values['skip-types'])
  execFileSync(npm[0], [...npm.slice(1), 'install', '--silent', '--prefix', compilers, ...Object.values(aliases)], { stdio: 'ignore' })
const typescripts = Object.fromEntries(
  Object.entries(values['skip-types'] ? {} : aliases).map(([name, alias]) => [
    name,
    join(compilers, 'node_modules', alias.split('@')[0], 'bin/tsc'),
  ]),
)

const namespace = withoutNetwork()
const registry = registryOf(npm)
const relay = namespace === undefined ? undefined : join(folder, 'registry.sock')
const server = relay === undefined ? undefined : await startRelay(relay, registry)
console.log(
  namespace === undefined
    ? 'no network namespace can be made here: the whole network is reachable'
    : 'in a network namespace: the registry alone is reachable',
)

const since = performance.now()
const results = []
for (const node of values.node) {
  for (const [i, path] of values.npm.entries()) {
    const script = fileURLToPath(new URL('./consume.mjs', import.meta.url))
    // What compiles does not depend on npm: in full for the first, once for the others.
    const asked = {
      full: i === 0,
      tarball,
      model,
      typescripts,
      registry,
      npm: path === '' ? ['npm'] : [resolve(node), resolve(path)],
      ...(relay && { relay }),
    }
    const command = [resolve(node), script, JSON.stringify(asked)]
    // `ip` needs the namespace's own right to bring loopback up.
    const within = namespace === undefined ? command : [...namespace, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...command]
    const child = spawn(within[0], within.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], cwd: folder })
    results.push(JSON.parse(await text(child.stdout)))
    const { failures, node: version, npm: manager, seconds, megabytes, forms: used } = results.at(-1)
    const passed = Object.keys(used).filter((name) => used[name])
    console.log(`${version}, npm ${manager}: ${seconds} s, ${megabytes} MB; ${passed.join(', ')}`)
    for (const failure of failures) console.log(`\n${failure}\n`)
  }
}
console.log(`${results.length} installations in ${Math.round((performance.now() - since) / 1000)} s`)
server?.close()
rmSync(folder, { recursive: true, force: true })

const forms = ['esm', 'require', ...Object.keys(typescripts), 'cli']
const rows = results.map((one) => [
  one.node,
  one.npm,
  one.installed ? 'ok' : 'FAILED',
  `${one.megabytes} MB`,
  one.packages ?? '?',
  `${one.seconds} s`,
  `${one.warnings.length}`,
  one.refusedHosts ?? '-',
  ...forms.map((name) => (one.forms[name] === true ? 'ok' : 'FAILED')),
])
console.table(
  rows.map((row) =>
    Object.fromEntries(
      ['Node', 'npm', 'install', 'size', 'packages', 'time', 'warnings', 'other hosts', ...forms].map((name, i) => [name, row[i]]),
    ),
  ),
)
for (const { node, npm: version, warnings } of results) for (const warning of warnings) console.log(`${node}, npm ${version}: ${warning}`)
const bad = results.some(
  (one) => one.failures.length > 0 || one.warnings.length > 0 || one.refusedHosts > 0 || one.megabytes >= MOST_MEGABYTES || !one.installed,
)
process.exitCode = bad ? 1 : 0

// Installs the packed package into an empty folder and uses it there, as a user does; one Node.js and one npm. Started
// by check.mjs, in a network namespace where there can be one. Answers with a line of JSON.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startProxy } from './network.mjs'

const { full, tarball, model, npm, typescripts, relay, registry } = JSON.parse(process.argv[2])
const consumer = fileURLToPath(new URL('./consumer', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'active-storage-package-'))
const proxy = relay === undefined ? undefined : await startProxy(relay, registry)

const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}`, npm_config_cache: join(folder, 'cache') }
// What npm sets for a script of this package is not what a user's shell has.
for (const key of Object.keys(env)) if (/^npm_(?!config_(?:cache|registry|userconfig|.*_auth.*)$)|^(?:ORT_|UV_)/i.test(key)) delete env[key]
for (const key of Object.keys(env)) if (/^(?:https?|all|grpc|no)_proxy$/i.test(key) && proxy !== undefined) delete env[key]
const proxied = proxy === undefined ? {} : { HTTPS_PROXY: proxy.url, https_proxy: proxy.url, HTTP_PROXY: proxy.url, http_proxy: proxy.url }

/** Runs a command in a folder; a failure is an answer too. */
const run = (command, args, cwd, more = {}) =>
  new Promise((resolve) => {
    execFile(command, args, { cwd, env: { ...env, ...more }, timeout: 300_000, maxBuffer: 64 * 1024 ** 2 }, (error, stdout, stderr) =>
      resolve({ ok: error === null, stdout, stderr, text: `${stdout}\n${stderr}`.trim() }),
    )
  })

/** Bytes on disk, as du counts them. */
const bytesIn = (path) => {
  const { blocks } = statSync(path)
  return readdirSync(path, { withFileTypes: true }).reduce(
    (sum, entry) =>
      sum + (entry.isDirectory() ? bytesIn(join(path, entry.name)) : entry.isFile() ? statSync(join(path, entry.name)).blocks * 512 : 0),
    blocks * 512,
  )
}

// npm warns of settings in a user's own configuration that it does not know: they are not of this package.
const warningsOf = ({ stderr }) =>
  stderr.split('\n').filter((line) => /\b(?:warn|err)/i.test(line) && !/Unknown (?:user|env|global|builtin) config/.test(line))

const project = join(folder, 'project')
mkdirSync(project)
const began = performance.now()
const installed = await run(npm[0], [...npm.slice(1), 'install', tarball], project, proxied)
const seconds = (performance.now() - began) / 1000
const modules = join(project, 'node_modules')
const result = {
  node: process.version,
  npm: (await run(npm[0], [...npm.slice(1), '--version'], folder)).stdout.trim(),
  installed: installed.ok,
  seconds: Math.round(seconds * 10) / 10,
  megabytes: installed.ok ? Math.round(bytesIn(modules) / 1e5) / 10 : 0,
  mebibytes: installed.ok ? Math.round(bytesIn(modules) / 2 ** 20) : 0,
  packages: /added (\d+) packages/.exec(installed.stdout)?.[1],
  warnings: warningsOf(installed),
  forms: {},
  failures: installed.ok ? [] : [installed.text],
}
const form = (name, { ok, text }) => {
  result.forms[name] = ok && (result.forms[name] ?? true)
  if (!ok) result.failures.push(`${name}: ${text}`)
}

if (installed.ok) {
  cpSync(consumer, project, { recursive: true })
  cpSync(model, join(project, 'model.onnx'))
  form('esm', await run(process.execPath, ['esm.mjs'], project))
  form('require', await run(process.execPath, ['require.cjs'], project))
  form('cli', await run('npx', ['--no-install', 'active-storage', '--help'], project))
  for (const [name, compiler] of Object.entries(typescripts)) {
    const projects = {
      esm: { module: 'nodenext', moduleResolution: 'nodenext', files: ['types.mts', 'types.cts', 'counter.ts'] },
      bundler: { module: 'esnext', moduleResolution: 'bundler', files: ['types.mts', 'counter.ts'] },
      // Without the library of the browser's DOM, which has some names that Node has too.
      bare: { module: 'nodenext', moduleResolution: 'nodenext', lib: ['es2022'], files: ['types.mts', 'counter.ts'] },
    }
    writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }))
    for (const [kind, { files, ...options }] of Object.entries(projects).slice(0, full ? undefined : 1)) {
      const file = join(project, `tsconfig.${kind}.json`)
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
        target: 'es2022',
        ...options,
      }
      writeFileSync(file, JSON.stringify({ compilerOptions, files }))
      form(name, await run(process.execPath, [compiler, '-p', file], project))
    }
  }
}
if (proxy !== undefined) {
  result.refusedHosts = [...proxy.refused].length
  proxy.close()
}
result.offline = relay !== undefined
if (!existsSync(modules)) result.failures.push('there is no node_modules')
rmSync(folder, { recursive: true, force: true })
console.log(JSON.stringify(result))

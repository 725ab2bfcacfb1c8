import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '../support/node-process.ts'

// What `npm pack` puts into the package, and what npm gets beside it. `npm run pack:check` installs and uses it.

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

interface Manifest {
  readonly name: string
  readonly version: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, unknown>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
interface Locked {
  readonly version: string
  readonly hasInstallScript?: boolean
  readonly deprecated?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}
const manifest = read(join(root, 'package.json')) as Manifest
const { packages } = read(join(root, 'package-lock.json')) as { packages: Readonly<Record<string, Locked>> }

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesIn(join(folder, entry.name)) : [join(folder, entry.name)],
  )

/** Places in the lock file of all that npm installs for a user: dependencies of dependencies, for every platform. */
const installedForUsers = (): string[] => {
  const found = new Set<string>()
  const visit = (name: string, from: string) => {
    for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules') - 1))) {
      const path = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
      const locked = packages[path]
      if (locked !== undefined) {
        if (found.has(path)) return
        found.add(path)
        for (const other of Object.keys({ ...locked.dependencies, ...locked.optionalDependencies })) visit(other, path)
        return
      }
      if (folder === '') return
    }
  }
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) visit(name, '')
  return [...found]
}

describe('the package', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>> | undefined
  let into = ''
  let libraries: string[] = []
  before(async () => {
    folder = await temporaryFolder()
    into = folder.path
    await promisify(execFile)(process.execPath, [join(root, 'scripts/package/vendor.mjs'), into])
    libraries = filesIn(join(into, 'node_modules'))
  })

  after(() => folder?.[Symbol.asyncDispose]())

  test('nothing that npm installs for a user has an install script, or is deprecated', () => {
    const installed = installedForUsers()
    assert.ok(installed.includes('node_modules/@img/sharp-linux-x64') && installed.includes('node_modules/@lmdb/lmdb-linux-x64'))
    for (const path of installed) {
      assert.equal(packages[path]?.hasInstallScript, undefined, path)
      assert.equal(packages[path]?.deprecated, undefined, path)
    }
  })

  test('the libraries inside have no scripts, no sources to compile, and a licence each', () => {
    const notices = readFileSync(join(into, 'THIRD_PARTY_NOTICES.txt'), 'utf8')
    const manifests = libraries.filter((file) => file.endsWith('package.json')).map((file) => read(file) as Manifest)
    for (const { name, version, scripts } of manifests.filter((one) => one.name !== undefined)) {
      assert.equal(scripts, undefined, name)
      assert.ok(notices.includes(`${name} ${version} (`), `licence of ${name}`)
    }
    assert.deepEqual(
      libraries.filter((file) => /\.(?:gyp|gypi|cc?|cpp|h|ts|map|exe|dll|dylib)$/.test(file)),
      [],
    )
  })

  test('the libraries inside are small: the binaries of other systems are not there', () => {
    const megabytes = libraries.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6
    assert.ok(megabytes > 55 && megabytes < 72, `${megabytes} MB`)
    const binaries = libraries.filter((file) => /\.node$|\.so/.test(file)).map((file) => relative(join(into, 'node_modules'), file))
    assert.deepEqual(
      binaries.map((file) => file.split('/').slice(-3, -1).join('/')),
      ['linux/arm64', 'linux/arm64', 'linux/x64', 'linux/x64'],
    )
  })

  test('every file that a library inside asks for by a relative path is there', () => {
    const missing: string[] = []
    for (const file of libraries.filter((one) => /\.[cm]?js$/.test(one))) {
      const code = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
      for (const [, path = ''] of code.matchAll(/(?:\bfrom\s*|\brequire\(|\bimport\s*\(?\s*)["'](\.\.?\/[^"'\n]*)["']/g)) {
        const target = join(dirname(file), path)
        const found = ['', '.js', '.cjs', '.mjs', '.json', '.node', '/index.js'].some((end) => existsSync(target + end))
        if (!found) missing.push(`${relative(into, file)} asks for ${path}`)
      }
    }
    assert.deepEqual(missing, [])
  })

  test('the binaries of each platform are of the versions of the libraries inside', () => {
    for (const [name, version] of Object.entries(manifest.optionalDependencies ?? {})) {
      const library = ['koffi', 'lmdb', 'msgpackr-extract', 'sharp'].find((one) => name.includes(`/${one}-`)) ?? ''
      assert.equal(packages[`node_modules/${library}`]?.optionalDependencies?.[name], version, name)
    }
  })

  test('the version that an error tells to install is the one inside', () => {
    const source = readFileSync(join(root, 'src/storage-node/compute/onnxruntime.ts'), 'utf8')
    const guide = readFileSync(join(root, 'docs/installing.md'), 'utf8')
    for (const text of [source, guide]) assert.ok(text.includes(`onnxruntime-node@${manifest.devDependencies['onnxruntime-node']}`))
  })

  test('it exports its entry, its manifest, the wire contract and the helpers in Python', () => {
    assert.deepEqual(Object.keys(manifest.exports), ['.', './package.json', './proto/*', './python/*'])
    for (const folder of ['dist', 'proto', 'python']) assert.ok(manifest.files.includes(folder))
    assert.ok(existsSync(join(root, 'proto/active_storage/v1/active_storage.proto')))
  })

  test('nothing in it names a folder of the machine that packed it', () => {
    for (const file of libraries.filter((one) => one.endsWith('package.json'))) assert.ok(!readFileSync(file, 'utf8').includes(root), file)
    assert.ok(!readFileSync(join(into, 'THIRD_PARTY_NOTICES.txt'), 'utf8').includes(root))
  })
})

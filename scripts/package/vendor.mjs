// Copies the libraries of vendored.mjs into dist/node_modules, where the built code finds them as Node always looks for
// packages, and writes dist/THIRD_PARTY_NOTICES.txt. `npm run build` runs it after the compiler. A folder that is named as
// the argument is used in place of dist.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isKept, notNeeded, platformScopes, roots, slimManifest } from './vendored.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const into = resolve(process.argv[2] ?? join(root, 'dist'))

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))

/** The folder from which a package in `from` gets `name`, as Node resolves it. */
const folderOf = (name, from) => {
  for (let folder = from; folder.length >= root.length - 1; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) return found
  }
  return undefined
}

const isPlatform = (name) => platformScopes.some((scope) => name.startsWith(scope))

/** Every library to copy: its folder, and its manifest. */
const closure = () => {
  const found = new Map()
  const visit = (name, from, optional) => {
    if (notNeeded.has(name) || isPlatform(name)) return
    const folder = folderOf(name, from)
    if (folder === undefined) {
      if (optional) return
      throw new Error(`${name}, which ${relative(root, from) || 'the package'} needs, is not installed: run npm ci`)
    }
    if (found.has(folder)) return
    const manifest = manifestOf(folder)
    found.set(folder, manifest)
    for (const other of Object.keys(manifest.dependencies ?? {})) visit(other, folder, false)
    for (const other of Object.keys(manifest.optionalDependencies ?? {})) visit(other, folder, true)
  }
  for (const name of roots) visit(name, root, false)
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1))
}

const filesIn = (folder, below = '') =>
  readdirSync(join(folder, below), { withFileTypes: true }).flatMap((entry) => {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesIn(folder, path)
    return [path]
  })

const copy = (folder, manifest) => {
  const target = join(into, relative(root, folder))
  for (const path of filesIn(folder)) {
    if (path === 'package.json' || !isKept(manifest.name, path)) continue
    mkdirSync(dirname(join(target, path)), { recursive: true })
    cpSync(join(folder, path), join(target, path))
  }
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(slimManifest(manifest), undefined, 2)}\n`)
}

const licenceOf = (folder) =>
  readdirSync(folder)
    .filter((name) => /^(?:licen[cs]e|notice|copying)/i.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8').trim())

/** Licence texts of libraries whose packages have none of their own: third-party/NAME/. */
const givenLicences = (name) => {
  const folder = join(root, 'third-party', name.startsWith('onnxruntime-') ? 'onnxruntime' : name.replaceAll('/', '__'))
  return existsSync(folder)
    ? readdirSync(folder)
        .toSorted()
        .map((file) => readFileSync(join(folder, file), 'utf8').trim())
    : []
}

const notices = (libraries) => {
  const texts = new Map()
  for (const [folder, { name, version, license }] of libraries) {
    const own = licenceOf(folder)
    const found = own.length > 0 ? own : givenLicences(name)
    if (found.length === 0) throw new Error(`${name} has no licence text: put one into third-party/${name.replaceAll('/', '__')}/`)
    const text = found.join('\n\n')
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`])
  }
  const line = '='.repeat(80)
  return [
    'active-storage contains copies of these libraries, in dist/node_modules. Their licences:\n',
    ...[...texts].map(([text, names]) => `${line}\n${[...new Set(names)].join('\n')}\n${line}\n\n${text}\n`),
  ].join('\n')
}

const libraries = closure()
rmSync(join(into, 'node_modules'), { recursive: true, force: true })
for (const [folder, manifest] of libraries) copy(folder, manifest)
writeFileSync(join(into, 'THIRD_PARTY_NOTICES.txt'), notices(libraries))
console.log(`copied ${libraries.length} libraries into ${relative(root, join(into, 'node_modules'))}`)

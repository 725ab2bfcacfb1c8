import { Script } from 'node:vm'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import * as content from '../../../src/core/content.ts'
import * as define from '../../../src/core/define.ts'
import * as errors from '../../../src/core/errors.ts'
import * as objectRef from '../../../src/core/object-ref.ts'
import * as schema from '../../../src/core/schema.ts'
import * as tensor from '../../../src/core/tensor.ts'
import * as contentObject from '../../../src/objects/content.ts'
import * as siteObject from '../../../src/objects/site.ts'
import * as declared from '../../../src/storage-node/objects/declared.ts'
import * as codec from '../../../src/wire/codec.ts'
import * as stored from '../../../src/wire/stored.ts'
import type { ProcessGlobals } from '../world/globals.ts'
import type { Mutant } from './mutants.ts'
import type * as product from './product.ts'

/** What one process has of the product: its modules, with state and globals of their own. */
export type Product = typeof product

const root = fileURLToPath(new URL('../../../', import.meta.url))
const entry = fileURLToPath(new URL('./product.ts', import.meta.url))

/** Modules that hold no state of a process and ask for no time, order or chance: all processes share them. */
const shared: Readonly<Record<string, unknown>> = {
  'src/core/content.ts': content,
  'src/core/define.ts': define,
  'src/core/errors.ts': errors,
  'src/core/object-ref.ts': objectRef,
  'src/core/schema.ts': schema,
  'src/core/tensor.ts': tensor,
  'src/objects/content.ts': contentObject,
  'src/objects/site.ts': siteObject,
  'src/storage-node/objects/declared.ts': declared,
  'src/wire/codec.ts': codec,
  'src/wire/stored.ts': stored,
}
const SHARED = 'shared:'

/** Modules of Node that are the same in every process. */
const pure: ReadonlySet<string> = new Set(['node:path', 'node:util', 'node:events'])

const resolving: Plugin = {
  name: 'shared modules',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /\.ts$/ }, async ({ path, resolveDir, kind, pluginData }) => {
      if (kind === 'entry-point' || pluginData === SHARED) return undefined
      const found = await resolve(path, { resolveDir, kind, pluginData: SHARED })
      const name = found.path.slice(root.length)
      return Object.hasOwn(shared, name) ? { path: SHARED + name, external: true } : found
    })
  },
}

/** Puts the text of a mutant in the place of what it breaks. @throws where the text is not there once */
const mutating = ({ name, patches }: Mutant): Plugin => ({
  name: `mutant ${name}`,
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const own = patches.filter(({ file }) => path === root + file)
      if (own.length === 0) return undefined
      let text = readFileSync(path, 'utf8')
      for (const { file, from, to } of own) {
        if (text.split(from).length !== 2) throw new Error(`mutant ${name}: ${file} does not have once: ${from}`)
        text = text.replace(from, () => to)
      }
      return { contents: text, loader: 'ts' }
    })
  },
})

const NAMES = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'Date',
  'Math',
  'performance',
  'process',
]

/** Builds the product once. @returns starts it, as often as asked: each process has modules of its own */
export const buildProduct = async (mutant?: Mutant): Promise<(process: ProcessGlobals) => Product> => {
  const built = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
    plugins: [resolving, ...(mutant === undefined ? [] : [mutating(mutant)])],
  })
  const text = built.outputFiles[0]?.text ?? ''
  const script = new Script(`(function (module, exports, require, ${NAMES.join(', ')}) {${text}\n})`, { filename: 'simulated.js' })
  const make = script.runInThisContext() as (...args: readonly unknown[]) => void
  const real = createRequire(import.meta.url)
  return ({ globals, modules }) => {
    const load = (name: string): unknown => {
      if (name.startsWith(SHARED)) return shared[name.slice(SHARED.length)]
      if (Object.hasOwn(modules, name)) return modules[name]
      if (pure.has(name)) return real(name)
      throw new Error(`the simulated product loads ${name}, which the simulation does not have`)
    }
    const module = { exports: {} }
    make(module, module.exports, load, ...NAMES.map((name) => globals[name]))
    return module.exports as Product
  }
}

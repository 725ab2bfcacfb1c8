import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from '@swc/wasm-typescript'

/**
 * Module hooks for modules of object types: TypeScript by removing its types, as later versions of Node do themselves,
 * with the same library. Lines and columns stay where they are. The same rules on all versions of Node: what needs more
 * than the removal of types (enums, parameter properties, decorators) is refused.
 */

interface Resolved {
  readonly url: string
  readonly format?: string | null
  readonly shortCircuit?: boolean
}
interface Loaded {
  readonly format: string
  readonly source: string
  readonly shortCircuit: true
}

const own = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href
const isTypeScript = (url: string | undefined) => url !== undefined && /^file:.*\.m?ts$/.test(url)

/** As Node looks for a package. Node's own search would come back to these hooks. */
const isInstalled = (name: string, from: string): boolean => {
  for (let folder = dirname(fileURLToPath(from)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'node_modules', name, 'package.json'))) return true
    if (folder === dirname(folder)) return false
  }
}

/** `./other.js` in a TypeScript file may mean `./other.ts`; a command that is installed globally brings its own package. */
export const resolve = <Next>(
  specifier: string,
  context: { readonly parentURL?: string | undefined },
  next: (specifier: string) => Next,
): Next | Resolved => {
  const { parentURL } = context
  if (specifier === 'active-storage' && parentURL?.startsWith('file:') === true && !isInstalled(specifier, parentURL))
    return { url: own, shortCircuit: true }
  if (isTypeScript(parentURL) && /^\.\.?\/.*\.m?js$/.test(specifier)) {
    const typed = specifier.replace(/js$/, 'ts')
    if (!existsSync(new URL(specifier, parentURL)) && existsSync(new URL(typed, parentURL))) return next(typed)
  }
  return next(specifier)
}

/** What the library throws for a file that it cannot read: a plain object. Lines from 1, columns from 0. */
const placed = (file: string, error: unknown): Error => {
  if (typeof error !== 'object' || error === null || !('message' in error)) return new Error(`${file}: ${String(error)}`)
  const at = 'startLine' in error && 'startColumn' in error ? `:${Number(error.startLine)}:${Number(error.startColumn) + 1}` : ''
  return new SyntaxError(`${file}${at}: ${String(error.message)}`)
}

export const load = <Next>(url: string, _context: unknown, next: (url: string) => Next): Next | Loaded => {
  if (!isTypeScript(url) || url.includes('/node_modules/')) return next(url)
  const file = fileURLToPath(url)
  try {
    const { code } = transformSync(readFileSync(file, 'utf8'), { mode: 'strip-only', module: true, filename: file })
    return { format: 'module', source: code, shortCircuit: true }
  } catch (error) {
    throw placed(file, error)
  }
}

import { existsSync } from 'node:fs'
import * as modules from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ObjectType } from '../core/define.ts'
import { failure, isActiveStorageError } from '../core/errors.ts'

const isObjectType = (thing: unknown): thing is ObjectType =>
  typeof thing === 'object' && thing !== null && 'entries' in thing && thing.entries instanceof Map && 'name' in thing

/** Of this package's own code. */
const ownFolder = `${dirname(dirname(fileURLToPath(import.meta.url)))}/`

let registered = false
/** Once a process: TypeScript is read from here on. */
const readTypeScript = async (): Promise<void> => {
  if (registered) return
  registered = true
  const file = new URL(import.meta.url.endsWith('.ts') ? './typescript-hooks.ts' : './typescript-hooks.js', import.meta.url)
  // Node 20 has hooks in a thread of their own only; later versions deprecate those.
  const registerHooks: unknown = Reflect.get(modules, 'registerHooks')
  if (typeof registerHooks === 'function') registerHooks(await import(file.href))
  else modules.register(file)
}

/** Where in a file of the user's an error is from: the first line of the stack outside libraries. Already in some messages. */
const placeOf = (error: Error): string => {
  for (const line of (error.stack ?? '').split('\n')) {
    const found = /(?:^|\(|^at (?:async )?)(?:file:\/\/)?(\/[^\s()]*?):(\d+)(?::(\d+))?\)?$/.exec(line.trim())
    if (found?.[1] === undefined || found[1].includes('/node_modules/') || found[1].startsWith(ownFolder)) continue
    const place = `${decodeURI(found[1])}:${found[2]}${found[3] === undefined ? '' : `:${found[3]}`}`
    return error.message.includes(place) ? '' : `${place}: `
  }
  return ''
}

const remedyOf = (message: string): string => {
  if (/does not provide an export named/.test(message)) return '; if it is a type, write "import type { ... }" or "import { type ... }"'
  if (/strip.?(?:only|type)? mode|Decorators are not valid|syntax is not supported/i.test(message))
    return '; types alone are removed here: write it without, or compile the module to JavaScript first'
  if (/Cannot use import statement|Unexpected token 'export'/.test(message))
    return '; Node reads this file as CommonJS: name it .mjs or .ts, or put "type": "module" into its package.json'
  return ''
}

/**
 * Object types that a module exports: JavaScript, or TypeScript whose types can be removed. It is the operator's own,
 * trusted code.
 * @param module path of a file, relative to the working folder
 * @throws ActiveStorageError `invalid-argument`, with file, line and column where the module has a mistake
 */
export const typesFrom = async (module: string): Promise<ObjectType[]> => {
  const load = async (): Promise<Record<string, unknown>> => {
    if (/\.(?:cts|tsx|jsx)$/.test(module))
      throw failure('invalid-argument', `--objects ${module}: use a module that ends in .ts, .mts, .js or .mjs`)
    if (!existsSync(module)) throw failure('invalid-argument', `--objects ${module}: there is no such file in ${process.cwd()}`)
    try {
      await readTypeScript()
      const loaded: unknown = await import(pathToFileURL(resolve(module)).href)
      return typeof loaded === 'object' && loaded !== null ? { ...loaded } : {}
    } catch (error) {
      const place = error instanceof Error ? placeOf(error) : ''
      const message = isActiveStorageError(error) ? error.text : error instanceof Error ? error.message : String(error)
      throw failure('invalid-argument', `--objects ${module} cannot be loaded: ${place}${message}${remedyOf(message)}`, error)
    }
  }
  const types = Object.values(await load()).filter(isObjectType)
  if (types.length === 0) throw failure('invalid-argument', `--objects ${module} exports no object type: export what defineObject returns`)
  return types
}

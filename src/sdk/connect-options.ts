import { failure } from '../core/errors.ts'
import { didYouMean } from '../core/nearest.ts'
import { parseAddress } from '../link/address.ts'
import type { ConnectOptions } from './connect.ts'

/** What an option has to be; undefined where it is that, else in words. */
type Check = (value: unknown) => string | undefined

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const shown = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return `"${value.slice(0, 80)}"`
  return typeof value === 'object' && value !== null ? 'an object' : typeof value === 'function' ? 'a function' : String(value)
}

const text: Check = (value) => (typeof value === 'string' && value !== '' ? undefined : 'a text')
const truth: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false')
const callable: Check = (value) => (typeof value === 'function' ? undefined : 'a function')
const whole =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
      ? undefined
      : `a whole number from ${least} to ${most}`
const time: Check = (value) => (typeof value === 'number' && value > 0 ? undefined : 'a number of milliseconds above 0')
const types: Check = (value) =>
  Array.isArray(value) && value.every((each: unknown) => isMapping(each) && each['entries'] instanceof Map)
    ? undefined
    : 'a list of what defineObject returns'

const known: Readonly<Record<keyof ConnectOptions, Check>> = {
  node: text,
  cloud: text,
  sites: (value) => (isMapping(value) ? undefined : 'an object of sites by name, { "edge-7": { role: "node", address: "edge-7:7070" } }'),
  policy: (value) => (text(value) === undefined || isMapping(value) ? undefined : 'the path of a policy file, or { yaml }'),
  objects: types,
  threads: whole(1, 256),
  compute: (value) => (value === 'process' || value === 'thread' ? undefined : '"process" or "thread"'),
  cacheBytes: whole(0, Number.MAX_SAFE_INTEGER),
  timeoutMs: time,
  onWarning: callable,
  inMemory: truth,
}

const refuse = (what: string) => failure('invalid-argument', what)

/** Refuses keys that are not known, and values that their checks refuse. A value of `undefined` is an option left out. */
const checkKeys = (place: string, given: Readonly<Record<string, unknown>>, checks: Readonly<Record<string, Check>>): void => {
  for (const [key, value] of Object.entries(given)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined
    if (check === undefined) throw refuse(`${place}: there is no option "${key.slice(0, 80)}"${didYouMean(key, Object.keys(checks))}`)
    if (value === undefined) continue
    const wanted = check(value)
    if (wanted !== undefined) throw refuse(`${place}: ${key} is ${shown(value)}, and must be ${wanted}`)
  }
}

const role: Check = (value) => (value === 'node' || value === 'cloud' ? undefined : '"node" or "cloud"')
const host: Check = (value) => (isMapping(value) && typeof value['call'] === 'function' ? undefined : 'what inProcessNode gives')

/**
 * Checks what `connect` was given, at every level: a mistyped option would be ignored in silence.
 * @throws ActiveStorageError `invalid-argument` that names the option, the nearest one and what it may be
 */
export const checkOptions = (options: unknown): void => {
  if (!isMapping(options))
    throw refuse(`connect: it takes an object of options, such as { node: "edge-7:7070" }, and was given ${shown(options)}`)
  checkKeys('connect', options, known)
  const { node, cloud, sites, policy } = options
  for (const address of [node, cloud]) if (typeof address === 'string') parseAddress(address)
  if (isMapping(policy)) {
    checkKeys('connect: policy', policy, { yaml: (value) => (typeof value === 'string' ? undefined : 'the text of a policy') })
    if (policy['yaml'] === undefined) throw refuse('connect: policy has no yaml: give the path of a file, or { yaml: "version: 1" }')
  }
  for (const [name, option] of Object.entries(isMapping(sites) ? sites : {})) {
    const place = `connect: sites["${name.slice(0, 80)}"]`
    if (!isMapping(option)) throw refuse(`${place} is ${shown(option)}, and must be { role, address } or { role, host }`)
    checkKeys(place, option, { role, address: text, host })
    if (option['role'] === undefined) throw refuse(`${place}: role is missing; it is "node" or "cloud"`)
    if ((option['address'] === undefined) === (option['host'] === undefined))
      throw refuse(`${place}: give an address, such as "edge-7:7070", or a host from inProcessNode`)
    if (typeof option['address'] === 'string') parseAddress(option['address'])
  }
}

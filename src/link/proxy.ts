import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { type HostPort, isLoopback } from './address.ts'

/** The proxy through which a connection goes. */
export interface Proxy {
  /** The environment variable that names it. */
  readonly variable: string
  /** `host:port` of the proxy. */
  readonly address: string
  /** `user:password`, where the variable has them. */
  readonly credentials: string | undefined
}

type Env = Readonly<Record<string, string | undefined>>

/** In this order, as other gRPC libraries read them. In lower case only: `HTTP_PROXY` can be set by a request to a CGI program. */
const PROXY_VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy'] as const
const EXCEPTION_VARIABLES = ['no_grpc_proxy', 'no_proxy', 'NO_PROXY'] as const

/** As an address to connect to, the system takes these for this machine. */
const UNSPECIFIED: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

const bare = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')

const inSubnet = (host: string, subnet: string): boolean => {
  const [base = '', bits = '', ...more] = subnet.split('/')
  const family = isIPv4(base) ? 'ipv4' : isIPv6(base) ? 'ipv6' : undefined
  const prefix = Number(bits)
  if (family === undefined || more.length > 0 || !/^\d{1,3}$/.test(bits) || prefix > (family === 'ipv4' ? 32 : 128)) return false
  if (!(family === 'ipv4' ? isIPv4(host) : isIPv6(host))) return false
  const list = new BlockList()
  list.addSubnet(base, prefix, family)
  return list.check(host, family)
}

/** Whether one entry of `no_proxy` is for this host: `*`, a name with all below it, an address, a subnet; with a port or without. */
const excepts = (entry: string, { host, port }: HostPort): boolean => {
  if (entry === '*') return true
  if (entry.includes('/')) return inSubnet(bare(host), bare(entry))
  // An IPv6 address without brackets has colons of its own.
  const [, name = entry, only] = isIPv6(entry) ? [] : (/^(.*):(\d+)$/.exec(entry) ?? [])
  if (only !== undefined && Number(only) !== port) return false
  const wanted = bare(name).replace(/^\*?\./, '')
  const own = bare(host)
  return wanted !== '' && (own === wanted || (!isIPv4(own) && !isIPv6(own) && own.endsWith(`.${wanted}`)))
}

/**
 * The proxy for an address, from the environment; undefined where the connection is direct. This machine is always reached
 * directly. A variable whose value is no `http://` URL is left out of account, as other gRPC libraries do.
 */
export const proxyFor = (to: HostPort, env: Env = process.env): Proxy | undefined => {
  if (isLoopback(to.host) || UNSPECIFIED.has(to.host)) return undefined
  const entries = EXCEPTION_VARIABLES.flatMap((name) => (env[name] ?? '').split(/[\s,]+/)).filter((entry) => entry !== '')
  if (entries.some((entry) => excepts(entry, to))) return undefined
  const variable = PROXY_VARIABLES.find((name) => (env[name] ?? '') !== '')
  if (variable === undefined) return undefined
  const url = urlOf(env[variable] ?? '')
  if (url === undefined) return undefined
  const { hostname, port, username, password } = url
  const user = decoded(username)
  return {
    variable,
    address: `${hostname}:${port === '' ? '80' : port}`,
    credentials: user === '' ? undefined : password === '' ? user : `${user}:${decoded(password)}`,
  }
}

const urlOf = (text: string): URL | undefined => {
  try {
    const url = new URL(text)
    return url.protocol === 'http:' ? url : undefined
  } catch {
    return undefined
  }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { failure } from '../core/errors.ts'

export interface HostPort {
  /** A name, or an IP address without brackets. */
  readonly host: string
  readonly port: number
}

const LARGEST_PORT = 65_535
const FORM = /^(?:\[([^\]]*)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/
/** Four numbers with dots are an IPv4 address or a mistake, never a name. */
const LIKE_IPV4 = /^[\d.]+$/

/** What is wrong with a text that is no `host:port`, and what was probably meant. */
const problemOf = (text: string): string => {
  const trimmed = text.trim()
  if (trimmed === '') return 'it is empty'
  if (trimmed !== text) return `it has spaces around it; write ${trimmed}`
  if (/^unix(-abstract)?:/.test(text)) return 'unix sockets are not used'
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/]*)/.exec(text)
  if (scheme !== null) return `leave the scheme${scheme[0] === text ? '' : ' and the path'} out${scheme[1] === '' ? '' : `: ${scheme[1]}`}`
  if (/^\d{1,5}$/.test(text)) return `the host is missing; write 127.0.0.1:${text}`
  if (/^:\d{1,5}$/.test(text)) return `the host is missing; write 127.0.0.1${text}`
  if (isIPv6(text)) {
    const cut = text.lastIndexOf(':')
    return `an IPv6 address stands in brackets; write [${text}]:7070, or [${text.slice(0, cut)}]${text.slice(cut)}`
  }
  if (/^\[[^\]]*\]$/.test(text) || /^[A-Za-z0-9._-]+$/.test(text)) return `the port is missing; write ${text}:7070`
  const port = /:(\d+)$/.exec(text)?.[1]
  if (port !== undefined && Number(port) > LARGEST_PORT) return `a port is at most ${LARGEST_PORT}`
  return 'it has another form'
}

/**
 * Reads `host:port`; an IPv6 address stands in brackets.
 * @throws ActiveStorageError `invalid-argument`, which says what to write
 */
export const parseAddress = (text: string): HostPort => {
  const refuse = (why: string) =>
    failure('invalid-argument', `"${text.slice(0, 200)}" is not an address: ${why} (use host:port, such as edge-7:7070 or [::1]:7070)`)
  const [, six, name, digits] = FORM.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > LARGEST_PORT) throw refuse(problemOf(text))
  if (six !== undefined && !isIPv6(six)) throw refuse('brackets hold an IPv6 address')
  if (name !== undefined && LIKE_IPV4.test(name) && !isIPv4(name)) throw refuse(`${name} is no IPv4 address`)
  return { host: six ?? name ?? '', port }
}

const loopbackAddresses = new BlockList()
loopbackAddresses.addSubnet('127.0.0.0', 8, 'ipv4')
loopbackAddresses.addAddress('::1', 'ipv6')

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback'])

/** Whether a host is this machine, which no other can reach. IPv4 addresses mapped into IPv6 count. */
export const isLoopback = (host: string): boolean => {
  if (isIPv4(host)) return loopbackAddresses.check(host, 'ipv4')
  if (isIPv6(host)) return loopbackAddresses.check(host, 'ipv6')
  const name = host.toLowerCase().replace(/\.$/, '')
  return LOOPBACK_NAMES.has(name) || name.endsWith('.localhost')
}

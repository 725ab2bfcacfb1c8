// A way from a network namespace without any network to the package registry of npm's configuration, and to nothing else.
// Outside, a relay passes bytes between a Unix socket and the registry (or the proxy that leads to it); inside, an HTTP
// proxy on loopback takes connections to the registry alone, and keeps a list of what else was asked for.
import { execFileSync, spawnSync } from 'node:child_process'
import http from 'node:http'
import net from 'node:net'

const portOf = (url) => Number(url.port) || (url.protocol === 'https:' ? 443 : 80)

/** Where npm's packages come from, by npm's own configuration and environment. */
export const registryOf = (npm) => {
  const get = (key) => {
    const value = execFileSync(npm[0], [...npm.slice(1), 'config', 'get', key], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return value === 'null' || value === 'undefined' || value === '' ? undefined : new URL(value)
  }
  const registry = get('registry')
  const proxy = registry.protocol === 'https:' ? get('https-proxy') : get('proxy')
  return { host: registry.hostname, port: portOf(registry), proxy: proxy && { host: proxy.hostname, port: portOf(proxy) } }
}

/** How to run a command without a network, or undefined where that may not be done. */
export const withoutNetwork = () => {
  for (const command of [
    ['unshare', '--net', '--'],
    ['unshare', '--map-root-user', '--net', '--'],
  ]) {
    const { status } = spawnSync(command[0], [...command.slice(1), 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' })
    if (status === 0) return command
  }
  return undefined
}

/** Outside: each connection to the socket is one to the registry. */
export const startRelay = async (path, { host, port, proxy }) => {
  const server = net.createServer((socket) => {
    const out = net.connect(proxy ?? { host, port })
    if (proxy !== undefined) out.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`)
    const begin = () => void socket.pipe(out).pipe(socket)
    if (proxy === undefined) begin()
    else out.once('data', (answer) => (/^HTTP\/1\.\d 200/.test(answer.toString('latin1')) ? begin() : socket.destroy()))
    for (const [one, other] of [
      [socket, out],
      [out, socket],
    ])
      one.on('error', () => other.destroy()).on('close', () => other.destroy())
  })
  await new Promise((resolve) => server.listen(path, resolve))
  return server
}

/** Inside: the proxy, its address, and the hosts other than the registry that were asked for. */
export const startProxy = async (path, { host, port }) => {
  const refused = new Set()
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://none')
    if (url.hostname !== host || portOf(url) !== port) {
      refused.add(url.host)
      response.writeHead(403).end()
      return
    }
    const forwarded = http.request({ socketPath: path, method: request.method, path: url.pathname + url.search, headers: request.headers })
    forwarded.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    forwarded.on('error', () => response.destroy())
    request.pipe(forwarded)
  })
  server.on('connect', (request, socket) => {
    socket.on('error', () => undefined)
    if (request.url !== `${host}:${port}`) {
      refused.add(request.url)
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    const out = net.connect(path)
    out.on('error', () => socket.destroy())
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    socket.pipe(out).pipe(socket)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, refused, close: () => server.close() }
}

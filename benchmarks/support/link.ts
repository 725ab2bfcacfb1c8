import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/** What a link is like: the same in both directions. */
export interface LinkShape {
  /** Round trip added, in ms: half of it each way. */
  readonly rttMs: number
  readonly bitsPerSecond: number
}

/** When each byte of one direction comes out. Pure but for its clock, so that tests need not wait. */
export interface Pacer {
  /** Books `bytes` onto the line. @returns the moment at which the last of them arrives */
  book(bytes: number): number
}

export const createPacer = ({ rttMs, bitsPerSecond }: LinkShape, now: () => number = () => performance.now()): Pacer => {
  let free = 0
  return {
    book(bytes) {
      // Bytes go onto the line one after the other, whoever sends them; then they travel.
      free = Math.max(free, now()) + (bytes * 8000) / bitsPerSecond
      return free + rttMs / 2
    },
  }
}

/** Both directions of a line that several links may share. */
export interface Shaper {
  readonly shape: LinkShape
  readonly up: Pacer
  readonly down: Pacer
}
export const createShaper = (shape: LinkShape): Shaper => ({ shape, up: createPacer(shape), down: createPacer(shape) })

export interface Link {
  readonly address: string
  stats(): { readonly bytesUp: number; readonly bytesDown: number; readonly connections: number }
  /** Drops every connection and refuses new ones, until `restore`. */
  cut(): void
  restore(): void
  close(): Promise<void>
}

export interface LinkOptions {
  readonly shaper: Shaper
  /** `host:port` behind the link. */
  readonly to: string
  /** Port to listen on. Default a free one. */
  readonly port?: number
}

/** Bytes under way in one direction of one connection at the most: what the line holds, and a little more. */
const windowOf = ({ rttMs, bitsPerSecond }: LinkShape) => (bitsPerSecond / 8000) * rttMs + 256 * 1024

/** Moves one direction: each piece is released when it is due, in order; the source waits while the line is full. */
const carry = (from: Socket, to: Socket, pacer: Pacer, window: number, count: (bytes: number) => void): void => {
  const queue: { readonly chunk: Buffer | undefined; readonly due: number }[] = []
  let held = 0
  let timer: NodeJS.Timeout | undefined
  /** Whether the line is, or what the receiver has not taken off it yet. */
  const full = () => held >= window || to.writableLength >= window
  const release = () => {
    timer = undefined
    const time = performance.now()
    while (queue.length > 0 && queue[0]!.due <= time + 0.5) {
      const { chunk } = queue.shift()!
      if (chunk === undefined) to.end()
      else {
        held -= chunk.byteLength
        to.write(chunk)
      }
    }
    if (full()) from.pause()
    else from.resume()
    arm()
  }
  const arm = () => {
    const [next] = queue
    if (next !== undefined) timer ??= setTimeout(release, Math.max(0, next.due - performance.now()))
  }
  from.on('data', (chunk: Buffer) => {
    count(chunk.byteLength)
    held += chunk.byteLength
    queue.push({ chunk, due: pacer.book(chunk.byteLength) })
    if (full()) from.pause()
    arm()
  })
  to.on('drain', () => {
    if (!full()) from.resume()
  })
  from.on('end', () => {
    queue.push({ chunk: undefined, due: pacer.book(0) })
    arm()
  })
  from.on('close', () => {
    if (from.errored !== null) {
      clearTimeout(timer)
      to.destroy()
    }
  })
}

/** A TCP link shaped in user space: forwards a port with a delay and a rate. */
export const startLink = async ({ shaper, to, port = 0 }: LinkOptions): Promise<Link> => {
  const cut = to.lastIndexOf(':')
  const target = { host: to.slice(0, cut), port: Number(to.slice(cut + 1)) }
  const sockets = new Set<Socket>()
  let bytesUp = 0
  let bytesDown = 0
  let connections = 0
  let open = true
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (!open) return void client.destroy()
    connections++
    const upstream = createConnection({ ...target, allowHalfOpen: true })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => other.destroy())
      socket.on('close', () => sockets.delete(socket))
    }
    const window = windowOf(shaper.shape)
    carry(client, upstream, shaper.up, window, (bytes) => (bytesUp += bytes))
    carry(upstream, client, shaper.down, window, (bytes) => (bytesDown += bytes))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is never a path
  const bound = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${bound.port}`,
    stats: () => ({ bytesUp, bytesDown, connections }),
    cut: () => {
      open = false
      drop()
    },
    restore: () => (open = true),
    close: () => {
      drop()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

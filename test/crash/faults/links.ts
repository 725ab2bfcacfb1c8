import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'

/**
 * What a link does with bytes. `cut` closes its connections and refuses others. `stalled` keeps what is sent and delivers
 * it later. `swallowing` drops it and closes nothing: each end believes that the other is there.
 */
export type LinkState = 'open' | 'cut' | 'stalled' | 'swallowing'
/** `up` goes to the address behind the link. */
export type Direction = 'up' | 'down'

export interface Link {
  readonly address: string
  set(state: LinkState, directions?: readonly Direction[]): void
  /** Delivers what was kept, and resets the connections of which something was dropped. */
  heal(): void
  close(): Promise<void>
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
  /** Something of it was dropped, so what follows cannot be read. */
  broken: boolean
}

/** A TCP link in user space to an address, which may change: the node behind it is started again there. */
export const startLink = async (to: string): Promise<Link> => {
  const cut = to.lastIndexOf(':')
  const target = { host: to.slice(0, cut), port: Number(to.slice(cut + 1)) }
  const pairs = new Set<Pair>()
  const states: Record<Direction, LinkState> = { up: 'open', down: 'open' }
  const drop = ({ near, far }: Pair) => {
    near.destroy()
    far.destroy()
  }

  const carry = (pair: Pair, from: Socket, dest: Socket, direction: Direction) => {
    const swallows = () => {
      if (states[direction] !== 'swallowing') return false
      pair.broken = true
      return true
    }
    from.on('data', (chunk: Buffer) => {
      if (!swallows() && !dest.write(chunk)) from.pause()
    })
    dest.on('drain', () => {
      if (states[direction] !== 'stalled') from.resume()
    })
    from.on('end', () => {
      if (!swallows()) dest.end()
    })
    // Of an end that is gone the other hears nothing while the link is not open.
    from.on('error', () => undefined)
    from.on('close', () => {
      if (states[direction] !== 'open') pair.broken = true
      else if (from.errored !== null || dest.writableEnded) dest.destroy()
      else if (!pair.broken) dest.end()
      if (pair.near.destroyed && pair.far.destroyed) pairs.delete(pair)
    })
    if (states[direction] === 'stalled') from.pause()
  }

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (states.up === 'cut') {
      client.destroy()
      return
    }
    const pair: Pair = { near: client, far: createConnection({ ...target, allowHalfOpen: true }), broken: false }
    pairs.add(pair)
    client.setNoDelay(true)
    pair.far.setNoDelay(true)
    carry(pair, client, pair.far, 'up')
    carry(pair, pair.far, client, 'down')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    set(state, directions = ['up', 'down']) {
      for (const direction of state === 'cut' ? (['up', 'down'] as const) : directions) states[direction] = state
      if (state === 'cut') pairs.forEach(drop)
      if (state !== 'stalled') return
      for (const pair of pairs) for (const direction of directions) (direction === 'up' ? pair.near : pair.far).pause()
    },
    heal() {
      states.up = 'open'
      states.down = 'open'
      for (const pair of pairs) {
        if (pair.broken || pair.near.destroyed || pair.far.destroyed) drop(pair)
        else for (const socket of [pair.near, pair.far]) socket.resume()
        if (pair.near.destroyed) pairs.delete(pair)
      }
    },
    close() {
      pairs.forEach(drop)
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

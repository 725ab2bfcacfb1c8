import { failure } from '../../../src/core/errors.ts'
import type { Session } from './format.ts'

const MIB = 1024 ** 2

/** Faults by the index of the input that has them; others are read. */
export const faults: Readonly<Record<number, () => Promise<string | undefined>>> = {
  1: () => Promise.reject(failure('bad-sample', 'file "x" is cut off: copy it again')),
  2: () => process.abort(),
  4: () => {
    for (;;);
  },
  5: () => {
    void Promise.reject(new Error('nobody handles this'))
    return Promise.resolve(undefined)
  },
  7: () => {
    const held = Buffer.alloc(400 * MIB, 1)
    return Promise.resolve(held[0] === 1 ? undefined : 'lost')
  },
  8: () => Promise.reject(new TypeError("Cannot read properties of undefined (reading 'x')")),
  9: () => Promise.reject(failure('internal', 'a defect')),
  10: () => Promise.resolve('another value'),
  11: () => Promise.reject(failure('bad-sample', 'a shape of undefined: copy it again')),
  12: () => process.exit(0),
  // Nothing keeps the process: it ends without an answer.
  14: () => new Promise(() => undefined),
}

export const openFaulty = (): Promise<Session> =>
  Promise.resolve({
    make: (_, index) => ({ about: 'an index', bytes: Buffer.from([index]) }),
    run: ({ bytes }) => faults[bytes[0] ?? 0]?.() ?? Promise.resolve(undefined),
    close: () => Promise.resolve(),
  })

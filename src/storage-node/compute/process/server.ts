import { failure } from '../../../core/errors.ts'
import type { Value } from '../../../core/value.ts'
import type { ProcessOptions } from '../task.ts'

/** What a compute process does with what it is asked. */
export interface Server {
  /** Whether the memory of a message may be used again for the next. */
  readonly reuses: boolean
  /** Bytes of tensors of an answer at the most. */
  readonly mostBytes: number
  answer(asked: Value): Promise<Value>
  /** The answer where one cannot be sent. */
  failed(code: 'too-large' | 'internal', text: string): Value
}

/** @returns what serves from now on, and the answer to the first message */
export const serverOf = async (first: Value): Promise<{ readonly server: Server; readonly answer: Value }> => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the host that started this process sends first
  const { job, options } = first as { job: string; options?: Value }
  if (job === 'run') {
    const { serveRuns } = await import('./run-server.ts')
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
    return { server: serveRuns(options as unknown as ProcessOptions), answer: { kind: 'ready' } }
  }
  if (job !== 'train') throw failure('internal', `a compute process has no job "${job}"`)
  const { serveTraining } = await import('./training-server.ts')
  return { server: serveTraining(), answer: { kind: 'ready' } }
}

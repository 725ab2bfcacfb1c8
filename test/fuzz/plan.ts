/** What a client does on one call of the node, in order. Plain data, so that it can be written down and done again. */
export type Step =
  /** On a gRPC call one message; on a bare stream bytes as they are. */
  | { readonly do: 'send'; readonly bytes: Buffer }
  /** Nothing more comes from the client. */
  | { readonly do: 'end' }
  /** The client gives the call up; on a bare stream with this HTTP/2 error code. */
  | { readonly do: 'cancel'; readonly code?: number }

export interface Plan {
  /** Counts from 0; with the seed it says what the plan is. */
  readonly index: number
  /** The call it began as, and what was done to it. */
  readonly about: string
  /** `grpc`: well-formed gRPC with any bytes as messages. `http2`: a stream whose gRPC framing may be broken too. */
  readonly level: 'grpc' | 'http2'
  readonly steps: readonly Step[]
  /** On a bare stream: headers that differ from a right call's; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** True where nothing keeps the node from answering: the client has said that it is done. */
export const isWhole = ({ steps }: Plan): boolean => steps.some((step) => step.do === 'end')
export const isCancelled = ({ steps }: Plan): boolean => steps.some((step) => step.do === 'cancel')

export const bytesIn = ({ steps }: Plan): number => steps.reduce((sum, step) => sum + (step.do === 'send' ? step.bytes.length : 0), 0)

/** Plans as text for a file, and back. */
export const toText = (plans: readonly Plan[]): string =>
  `${JSON.stringify(
    plans.map((plan) => ({
      ...plan,
      steps: plan.steps.map((step) => (step.do === 'send' ? { do: 'send', base64: step.bytes.toString('base64') } : step)),
    })),
  )}\n`

interface Written extends Omit<Plan, 'steps'> {
  readonly steps: readonly ({ readonly do: 'send'; readonly base64: string } | Exclude<Step, { do: 'send' }>)[]
}

export const fromText = (text: string): Plan[] =>
  (JSON.parse(text) as Written[]).map((plan) => ({
    ...plan,
    steps: plan.steps.map((step) => (step.do === 'send' ? { do: 'send', bytes: Buffer.from(step.base64, 'base64') } : step)),
  }))

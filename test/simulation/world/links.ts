import type { Transport } from '../../../src/core/transport.ts'
import type { Draws } from './draws.ts'
import type { Life } from './life.ts'
import type { Scheduler } from './scheduler.ts'

/** What listens on a machine. */
export interface Server {
  /** The process that takes calls now; undefined while there is none. */
  serving(): { readonly life: Life; readonly transport: Transport } | undefined
}

/** How calls fare between two places. */
export interface LinkState {
  cut: boolean
  /** Whether calls hang on a cut link, rather than fail at once. */
  silent: boolean
  /** Times of one message. */
  slowness: number
}

export interface NetworkOptions {
  readonly scheduler: Scheduler
  readonly draws: Draws
  readonly servers: ReadonlyMap<string, Server>
}

/** What goes wrong on links that are whole: probabilities of one call. */
export interface Losses {
  readonly lostReply: number
  readonly duplicate: number
  /** How often calls of some methods are lost, before they arrive or after they were answered. */
  readonly unlucky: ReadonlyMap<string, number>
}

/** Nothing is lost or repeated on links that are whole. */
export const CALM: Losses = { lostReply: 0, duplicate: 0, unlucky: new Map() }

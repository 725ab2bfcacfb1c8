/** What a host can hold open: it is closed once, whatever ends its session. */
export interface Closable {
  close(): Promise<void>
}

/** A kind of session: its name in errors, and the type of what such sessions hold. Each is one value, compared by identity. */
export interface SessionKind<T extends Closable = Closable> {
  readonly name: string
  /** Never set: carries the type. */
  readonly holds?: T
}

/** Declares a kind of session: `const models = sessionKind<OpenModel>('model')`, once in a module. */
export const sessionKind = <T extends Closable>(name: string): SessionKind<T> => Object.freeze({ name })

export interface SessionOptions {
  /** Who it is opened for, among those of its kind and object. Default ''. */
  readonly key?: string
  /** What becomes of one that is open under the same key: it is closed (`replace`, the default), or this one is refused. */
  readonly taken?: 'replace' | 'refuse'
  /** Bytes of memory that it is going to take, as far as is known: reserved for as long as it is open. Default 0. */
  readonly bytes?: number
  /** For how long it is kept that nobody uses, in ms. Default 60,000. */
  readonly idleMs?: number
  /** It is kept while the method that opens it is at work, used or not, and ends with it. Default false. */
  readonly untilCallEnds?: boolean
}

/**
 * The sessions of one object on its host: things that are held open in memory between calls. A session ends when nobody uses
 * it for a while, when it is closed or opened again under its key, when its object is deleted, moved or replaced, and when
 * the host closes. It is used by its id, which cannot be guessed: who has it was given it by who opened it.
 */
export interface Sessions {
  /**
   * Opens a session.
   * @returns its id
   * @throws what `make` throws; `overloaded` where the host has no room for so many bytes; `already-exists` where it is
   * taken and to be refused; `fenced` where it was opened again meanwhile
   */
  open<T extends Closable>(kind: SessionKind<T>, options: SessionOptions, make: () => Promise<T>): Promise<string>
  /**
   * Works with what a session holds, after all work that was asked before: one at a time. Each use renews the lease.
   * @param turn a number that rises from use to use: one that comes twice is done once and has the same result both times,
   * so that a call whose answer was lost may be made again
   * @throws `session-ended` where it is not open; `fenced` for a turn before the last
   */
  use<T extends Closable, R>(kind: SessionKind<T>, session: string, work: (value: T) => Promise<R>, turn?: number): Promise<R>
  /** The id of the session that is open under a key; undefined where there is none. */
  find(kind: SessionKind, key?: string): string | undefined
  /** Ends a session once what was asked of it is done. One that is not open is left alone. */
  close(session: string): Promise<void>
}

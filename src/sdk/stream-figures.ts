/** What a stream gave, and when. */
export interface StreamFigures {
  /** From its begin until its first item; undefined where none came. */
  readonly firstMs: number | undefined
  readonly items: number
  /** Time that its reader took between items, and in which it waited for its reader. */
  readonly readerMs: number
  /** `whole`: it was read to its end. `left`: its reader left before. `failed`: it broke. */
  readonly end: 'whole' | 'left' | 'failed'
}

/** Reads a stream for somebody else, and measures it. */
export class StreamWatch {
  readonly #now: () => number
  readonly #began: number
  #firstMs: number | undefined
  #readerMs = 0
  #end: StreamFigures['end'] = 'left'
  items = 0

  constructor(now: () => number) {
    this.#now = now
    this.#began = now()
  }

  async *read<T>(stream: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      for await (const item of stream) {
        const came = this.#now()
        this.#firstMs ??= came - this.#began
        this.items++
        try {
          yield item
        } finally {
          this.#readerMs += this.#now() - came
        }
      }
      this.#end = 'whole'
    } catch (error) {
      this.#end = 'failed'
      throw error
    }
  }

  /** Time since the begin, without that of the reader. */
  get waitedMs(): number {
    return this.#now() - this.#began - this.#readerMs
  }
  get figures(): StreamFigures {
    return { firstMs: this.#firstMs, items: this.items, readerMs: this.#readerMs, end: this.#end }
  }
}

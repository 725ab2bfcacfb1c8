import { ContentRef } from '../../../src/core/content.ts'
import { defineObject } from '../../../src/core/define.ts'
import { bytes, list, object, optional, string } from '../../../src/core/schema.ts'

/** What a change answers: which log it is in, whatever that is called and wherever it lies, and at which place from 1. */
export interface Place {
  readonly log: string
  readonly position: number
}
/** What a reader sees of a log. */
export interface Seen {
  /** Its first entry, which no other log has. */
  readonly log: string
  readonly entries: readonly string[]
}

type State = { entries: string[]; filling?: Uint8Array | undefined }

const PICTURES = 'pictures'
const PLACES = 'places'

/** The text of a picture says whose it is, so that a reader can tell a wrong one. */
export const pictureOf = (text: string): Uint8Array => Buffer.from(`picture ${text}`)

/**
 * Makes the type under test: a list that is only ever appended to. So each reply says all that it depends on.
 * @param pause virtual time that a method takes
 * @param withKey the same object, called with an idempotency key from a site
 */
export const logType = (pause: (ms: number) => Promise<void>, withKey: <R extends object>(site: string, remote: R, key: string) => R) => {
  const append = (self: { state: State; table: (name: string) => { put(key: string, value: number): void } }, entry: string): Place => {
    const entries = [...self.state.entries, entry]
    self.state = { ...self.state, entries }
    self.table(PLACES).put(entry, entries.length)
    return { log: entries[0]!, position: entries.length }
  }
  const log = defineObject({
    name: 'log',
    state: () => ({ entries: [] }),
    schema: object({ entries: list(string()), filling: optional(bytes()) }),
    methods: {
      add: (self, entry: string): Place => append(self, entry),
      async addSlowly(self, entry: string, ms: number): Promise<Place> {
        await pause(ms / 2)
        const place = append(self, entry)
        await pause(ms / 2)
        return place
      },
      async addAndFail(self, entry: string): Promise<Place> {
        append(self, entry)
        await pause(1)
        throw new Error('changed its mind')
      },
      /** With a state that lies in content, or small again. */
      fill(self, entry: string, size: number): Place {
        self.state = { entries: self.state.entries, ...(size > 0 && { filling: Buffer.alloc(size, entry) }) }
        return append(self, entry)
      },
      async attach(self, entry: string, text: string, rows: readonly string[]): Promise<Place> {
        const ref = await self.content.put(pictureOf(text))
        for (const row of rows) self.table(PICTURES).put(row, { ref, text })
        return append(self, entry)
      },
      async adopt(self, entry: string, path: string, text: string): Promise<Place> {
        const ref = await self.content.adopt(path)
        self.table(PICTURES).put(`adopted-${entry}`, { ref, text })
        return append(self, entry)
      },
      /** Deletes all pictures in one commit. */
      detach(self, entry: string): Place {
        for (const [row] of self.table(PICTURES).entries()) self.table(PICTURES).delete(row)
        return append(self, entry)
      },
      /** Has other logs add entries, then adds its own. */
      async addWith(
        self,
        entry: string,
        others: readonly { readonly name: string; readonly at: string; readonly entry: string; readonly key?: string | undefined }[],
      ): Promise<Place> {
        for (const { name, at, entry: other, key } of others) {
          const remote = self.object(log, name, { at })
          await (key === undefined ? remote : withKey(self.site, remote, key)).add(other)
        }
        return append(self, entry)
      },
      async *addEach(self, entries: readonly string[]): AsyncGenerator<Place> {
        for (const entry of entries) {
          yield append(self, entry)
          await pause(2)
        }
      },
    },
    readonly: {
      all(self): Seen {
        const { entries } = self.state
        const places = self.table<number>(PLACES).entries({ limit: 10_000 })
        // State and tables are committed together.
        if (places.length !== entries.length || places.some(([entry, position]) => entries[position - 1] !== entry))
          throw new Error(`torn: ${entries.length} entries and ${places.length} places`)
        return { log: entries[0] ?? '', entries }
      },
      async pictures(self): Promise<number> {
        const rows = self.table<{ ref: ContentRef; text: string }>(PICTURES).entries({ limit: 10_000 })
        for (const [row, { ref, text }] of rows) {
          const found = Buffer.from(await self.content.read(ref, self.signal))
          if (!found.equals(pictureOf(text))) throw new Error(`torn: the picture of ${row} is not that of ${text}`)
          await pause(1)
        }
        return rows.length
      },
      async *follow(self): AsyncGenerator<string> {
        for (const entry of self.state.entries) {
          yield entry
          await pause(1)
        }
      },
    },
  })
  return log
}

import { defineObject } from '../core/define.ts'
import { boolean, integer, object, optional, string } from '../core/schema.ts'

/** The built-in `site` object, one a host: what the host is, holds and has done. */
export const site = defineObject({
  name: 'site',
  movable: {
    describe: (self) => self.host.describe(),
    /** What an object type declares (with `internal` also the methods that are not for clients): its methods, and the schemas of state, arguments and results. No object of it need be there. */
    declaration: (self, type: string, options: { internal?: boolean } = {}) => self.host.declaration(type, options),
    stats: (self) => self.host.stats(),
    /** The objects here, in order of type and name, in pages of at most 1,000. */
    list: (self, range: { type?: string; prefix?: string; after?: string; limit?: number } = {}) => self.host.list(range),
    /** Resolves when every change acknowledged so far is on disk. */
    flush: (self) => self.host.flush(),
    /** Removes content to which no object refers; with `dryRun` it only counts it. */
    collect: (self, options: { dryRun?: boolean } = {}) => self.host.collect({ dryRun: options.dryRun ?? false }),
    /** Forgets fetched content and loaded model sessions: the next calls begin cold. */
    dropCaches: (self) => self.host.dropCaches(),
    /** Writes a backup to a folder of the node's machine, below one that its operator has allowed, and says how far it has come. */
    async *backup(self, to: string): AsyncGenerator<{ contents: number; bytes: number; copied: number; complete: boolean }> {
      yield* self.host.backup(to, self.signal)
    },
    /** Does nothing: what a call costs by itself. Returns its argument. */
    echo: (_self, value?: Uint8Array | string | number) => value,
  },
  // Not of echo: it measures what a call costs by itself.
  arguments: {
    describe: [],
    declaration: [string(), optional(object({ internal: optional(boolean()) }))],
    stats: [],
    list: [
      optional(
        object({
          type: optional(string()),
          prefix: optional(string()),
          after: optional(string()),
          limit: optional(integer({ minimum: 1 })),
        }),
      ),
    ],
    flush: [],
    collect: [optional(object({ dryRun: optional(boolean()) }))],
    dropCaches: [],
    backup: [string()],
  },
})

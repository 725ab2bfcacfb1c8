import { defineObject } from '../core/define.ts'

/** The built-in `site` object, one a host: what the host is, holds and has done. */
export const site = defineObject({
  name: 'site',
  movable: {
    describe: (self) => self.host.describe(),
    stats: (self) => self.host.stats(),
    /** The objects here, in order of type and name, in pages of at most 1,000. */
    list: (self, range: { type?: string; after?: string; limit?: number } = {}) => self.host.list(range),
    /** Forgets fetched content and loaded model sessions: the next calls begin cold. */
    dropCaches: (self) => self.host.dropCaches(),
    /** Does nothing: what a call costs by itself. Returns its argument. */
    echo: (_self, value?: Uint8Array | string | number) => value,
  },
})

/** A fault that is put into the product: text in the place of other text. */
export interface Mutant {
  readonly name: string
  readonly about: string
  readonly patches: readonly { readonly file: string; readonly from: string; readonly to: string }[]
}

const objects = (file: string) => `src/storage-node/objects/${file}.ts`

export const mutants: readonly Mutant[] = [
  {
    name: 'begin-drops-copy',
    about: 'a move drops the complete copy of another move of the same name',
    patches: [{ file: objects('arrivals'), from: 'if (now?.record !== undefined)', to: 'if (false)' }],
  },
  {
    name: 'activate-nothing',
    about: 'a target confirms the activation of a copy that it does not have',
    patches: [
      {
        file: objects('arrivals'),
        from: "typeof parts !== 'object' || parts === null)\n        throw failure(",
        to: "typeof parts !== 'object' || parts === null) return\n        void failure(",
      },
    ],
  },
  {
    name: 'refused-move',
    about: 'a move whose commit is refused at once is not discarded at its target',
    patches: [{ file: objects('objects'), from: 'draft.lost?.()', to: '' }],
  },
  {
    name: 'overloaded-begun',
    about: '`overloaded` from within a call is told as if the call had not begun',
    patches: [
      {
        file: 'src/storage-node/host.ts',
        from: "kind === 'stateful' && isActiveStorageError(error, 'overloaded')",
        to: "kind === 'movable' && isActiveStorageError(error, 'overloaded')",
      },
    ],
  },
  {
    name: 'hold-after-note',
    about: 'adopted content is held only once its note is committed',
    patches: [
      {
        file: 'src/storage-node/content/resolver.ts',
        from: 'await store.adopt(path, hold)',
        to: 'await store.adopt(path)\n          hold(hash)',
      },
    ],
  },
  {
    name: 'released-twice',
    about: 'a commit that releases one content twice ends automatic collection',
    patches: [
      {
        file: 'src/storage-node/content/collector.ts',
        from: '      arm()\n    },\n    async collect',
        to: '      if (hashes.length > 0 && waiting.size === hashes.length) arm()\n    },\n    async collect',
      },
    ],
  },
  {
    name: 'results-by-wall-clock',
    about: 'a clock that is a day ahead for one sweep drops fresh results',
    patches: [{ file: objects('recorded-results'), from: 'async (now = steadyNow())', to: 'async (now = Date.now())' }],
  },
  {
    name: 'key-of-any-call',
    about: 'a key with other arguments is answered with the recorded result of another call',
    patches: [{ file: objects('recorded-results'), from: 'if (digest !== undefined && !digest', to: 'if (false && !digest!' }],
  },
  {
    name: 'alias-by-wall-clock',
    about: 'an alias expires when the clock of the machine jumps',
    patches: [{ file: 'src/objects/directory.ts', from: 'alias.expires <= steadyNow()', to: 'alias.expires <= Date.now()' }],
  },
  {
    name: 'late-begin',
    about: 'the first part of a discarded move, arriving late, begins it again',
    patches: [{ file: objects('arrivals'), from: 'if (isOver(self, moveId)) throw', to: 'if (false) throw' }],
  },
  {
    name: 'name-still-leaving',
    about: 'a name is taken that another object is still leaving, and the note of its move is lost',
    patches: [{ file: objects('arrivals'), from: '!leaving.confirmed && leaving.to !== from', to: 'false' }],
  },
  {
    name: 'followed-by-name',
    about: 'a client takes an object of another site for one of the same name that has moved',
    patches: [
      {
        file: 'src/link/following.ts',
        from: 'const byHome = new WeakMap<Transport, Map<string, Transport>>()',
        to: 'const all = new Map<string, Transport>()\n  const byHome = { get: (_: Transport) => all, set: (..._: unknown[]) => undefined }',
      },
    ],
  },
  {
    name: 'collected-under-reader',
    about: 'content that was released is collected though a reader began before',
    patches: [{ file: 'src/storage-node/content/collector.ts', from: 'isReadSince(waiting.get(hash)) ||', to: '' }],
  },
  {
    name: 'collected-unsynced',
    about: 'content is collected though its release is not on disk yet',
    patches: [{ file: 'src/storage-node/content/collector.ts', from: ' || isNoted(store, hash)', to: '' }],
  },
  {
    name: 'reply-before-sync',
    about: 'a call is answered before its commit is on disk',
    patches: [{ file: objects('objects'), from: 'await queued.durable\n      if (beforeReply', to: 'if (beforeReply' }],
  },
  {
    name: 'reader-does-not-wait',
    about: 'a reader does not wait for commits that are on their way',
    patches: [{ file: objects('commits'), from: 'await underWay.get(object)', to: 'await Promise.resolve()' }],
  },
]

/** @throws where there is none of that name */
export const mutantOf = (name: string): Mutant => {
  const found = mutants.find((mutant) => mutant.name === name)
  if (found === undefined) throw new Error(`no mutant is named ${name}: use ${mutants.map((mutant) => mutant.name).join(', ')}`)
  return found
}

import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import { defineObject } from '../../src/core/define.ts'
import { sessionKind } from '../../src/core/host-session.ts'
import type { NotSendable, Remote } from '../../src/core/remote.ts'
import {
  type Schema,
  type TypeOf,
  bytes,
  contentRef,
  date,
  integer,
  list,
  nullable,
  number,
  object,
  oneOf,
  optional,
  record,
  string,
  tensor,
  tuple,
  union,
  value,
} from '../../src/core/schema.ts'
import type { ContentRef } from '../../src/core/content.ts'
import type { Tensor } from '../../src/core/tensor.ts'
import type { Value } from '../../src/core/value.ts'

const photos = defineObject({
  name: 'photos',
  state: () => ({ served: 0, labels: {} as Record<string, string> }),
  schema: { type: 'object', properties: { served: { type: 'integer' }, labels: { type: 'object' } } },
  methods: {
    tag(self, key: string, label: string) {
      self.state.labels[key] = label
      return self.state.served
    },
    broken(_self, callback: () => void) {
      return callback()
    },
    unsendable() {
      return new Map<string, string>()
    },
  },
  readonly: {
    label(self, key: string) {
      // @ts-expect-error a readonly method cannot change state
      self.state.served = 1
      return self.state.labels[key]
    },
  },
  movable: {
    async embed(self, key: string, scale?: number): Promise<Tensor<'float32'>> {
      // @ts-expect-error a movable method has no state
      void self.state
      throw new Error(`${key} ${scale}`)
    },
    async *batches(_self, keys: readonly string[]) {
      for (const key of keys) yield key.length
    },
  },
})

test('a remote object has the methods of every section, fully inferred', () => {
  type R = Remote<typeof photos>
  expectTypeOf<R['tag']>().toEqualTypeOf<(key: string, label: string) => Promise<number>>()
  expectTypeOf<R['label']>().toEqualTypeOf<(key: string) => Promise<string | undefined>>()
  expectTypeOf<R['embed']>().toEqualTypeOf<(key: string, scale?: number) => Promise<Tensor<'float32'>>>()
  expectTypeOf<R['batches']>().toEqualTypeOf<(keys: readonly string[]) => AsyncIterable<number>>()
  expectTypeOf<keyof R>().toEqualTypeOf<'tag' | 'broken' | 'unsendable' | 'label' | 'embed' | 'batches'>()
})

test('a method that cannot cross a process boundary says so in its type', () => {
  type R = Remote<typeof photos>
  expectTypeOf<R['broken']>().toEqualTypeOf<NotSendable<'this method takes a value that cannot be sent'>>()
  expectTypeOf<R['unsendable']>().toEqualTypeOf<NotSendable<'this method returns a value that cannot be sent'>>()
})

test('a schema has the type of what it lets through', () => {
  const everything = object({
    text: string(),
    kind: oneOf(['a', 'b', 3]),
    when: nullable(date()),
    rows: list(tuple([string(), number()])),
    by: record(union([tensor(), contentRef()])),
    any: value(),
    more: optional(list(bytes())),
  })
  expectTypeOf<TypeOf<typeof everything>>().toEqualTypeOf<{
    text: string
    kind: 'a' | 'b' | 3
    when: Date | null
    rows: [string, number][]
    by: Record<string, Tensor | ContentRef>
    any: Value
    more?: Uint8Array[]
  }>()
})

test('the state has the type that the schema gives it', () => {
  const album = defineObject({
    name: 'album',
    version: 2,
    state: () => ({ items: [], title: null }),
    schema: object({ items: list(string()), title: nullable(string()), note: optional(string()) }),
    migrate: (state, from) => ({ items: [JSON.stringify(state), String(from)], title: null }),
    methods: {
      add(self, item: string) {
        expectTypeOf(self.state).toEqualTypeOf<{ items: string[]; title: string | null; note?: string }>()
        // @ts-expect-error the schema knows no such field
        self.state.other = 1
        return self.state.items.push(item)
      },
    },
    readonly: {
      last(self) {
        expectTypeOf(self.state.items).toEqualTypeOf<readonly string[]>()
        return self.state.items.at(-1)
      },
    },
  })
  expectTypeOf<Remote<typeof album>['add']>().toEqualTypeOf<(item: string) => Promise<number>>()
  defineObject({
    name: 'wrong',
    // @ts-expect-error a new object does not satisfy the schema
    state: () => ({ items: [1] }),
    schema: object({ items: list(string()) }),
  })
  defineObject({
    name: 'wrong',
    state: () => ({ items: [] }),
    schema: object({ items: list(string()) }),
    // @ts-expect-error what migrate makes is a state too
    migrate: () => ({ items: [1] }),
  })
})

test('declared arguments and results agree with their methods', () => {
  const echo = (_self: unknown, text: string, times?: number): string => text.repeat(times ?? 1)
  const movable = { echo, all: (_self: unknown, ...items: readonly Value[]) => items }
  const good: Schema<string> = string()
  defineObject({ name: 'a', movable, arguments: { echo: [good, optional(integer())] }, results: { echo: good } })
  defineObject({ name: 'b', movable: { take: (_self, kind: string) => kind }, arguments: { take: [oneOf(['a', 'b'])] } })
  // @ts-expect-error the method takes a string
  defineObject({ name: 'c', movable, arguments: { echo: [integer(), optional(integer())] } })
  // @ts-expect-error its second argument may be left out
  defineObject({ name: 'd', movable, arguments: { echo: [string(), integer()] } })
  // @ts-expect-error it has a second argument
  defineObject({ name: 'e', movable, arguments: { echo: [string()] } })
  // @ts-expect-error it gives a string
  defineObject({ name: 'f', movable, results: { echo: integer() } })
  // @ts-expect-error a rest parameter cannot be declared
  defineObject({ name: 'g', movable, arguments: { all: [value()] } })
  // @ts-expect-error a wider schema would let through what the method does not take
  defineObject({ name: 'h', movable: { take: (_self, kind: 'a' | 'b') => kind }, arguments: { take: [string()] } })
})

test('sessions are for the methods that may have them, and hold what their kind says', () => {
  const counters = sessionKind<{ readonly count: number; close(): Promise<void> }>('counter')
  const tally = defineObject({
    name: 'tally',
    state: () => ({ kept: 0 }),
    schema: object({ kept: integer() }),
    methods: {
      end: (self, session: string) => self.sessions.close(session),
    },
    readonly: {
      isCounting(self): boolean {
        // @ts-expect-error a readonly method has no sessions
        void self.sessions
        return self.isOpen(counters)
      },
    },
    sessions: {
      count(self, session: string): Promise<number> {
        // @ts-expect-error a method with sessions sees the state as a readonly one does
        self.state.kept = 1
        return self.sessions.use(counters, session, (counter) => {
          expectTypeOf(counter.count).toEqualTypeOf<number>()
          return Promise.resolve(counter.count)
        })
      },
    },
    internal: ['count'],
  })
  expectTypeOf<Remote<typeof tally>['count']>().toEqualTypeOf<(session: string) => Promise<number>>()
})

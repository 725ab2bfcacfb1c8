import { test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import { defineObject } from '../../src/core/define.ts'
import type { NotSendable, Remote } from '../../src/core/remote.ts'
import type { Tensor } from '../../src/core/tensor.ts'

const photos = defineObject({
  name: 'photos',
  state: () => ({ served: 0, labels: {} as Record<string, string> }),
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

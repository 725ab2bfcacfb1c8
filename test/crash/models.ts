import type { Model } from './linearizability.ts'

export type RegisterAsked =
  | { readonly method: 'read' }
  | { readonly method: 'write'; readonly value: string }
  | { readonly method: 'compareAndSet'; readonly expected: string | null; readonly value: string }

/** Holds one value, null at first. A write answers null, a compare-and-set whether it did set. */
export const registerModel: Model<string | null, RegisterAsked, string | boolean | null> = {
  initial: null,
  apply(state, asked) {
    switch (asked.method) {
      case 'read':
        return [state, state]
      case 'write':
        return [asked.value, null]
      case 'compareAndSet':
        return state === asked.expected ? [asked.value, true] : [state, false]
    }
  },
}

export type CounterAsked = { readonly method: 'read' } | { readonly method: 'add' }

/** Counts from 0; an `add` answers the new value. */
export const counterModel: Model<number, CounterAsked, number> = {
  initial: 0,
  apply: (state, { method }) => (method === 'read' ? [state, state] : [state + 1, state + 1]),
}

export type LifeAsked = { readonly method: 'create' | 'delete' | 'post' | 'read' }

/** An object that is there with so many entries, or not there: null. A post makes it where it is not. */
export const lifeModel: Model<number | null, LifeAsked, string | boolean | number | null> = {
  initial: null,
  apply(state, { method }) {
    switch (method) {
      case 'create':
        return state === null ? [0, 'created'] : [state, 'exists']
      case 'delete':
        return [null, state !== null]
      case 'post':
        return [(state ?? 0) + 1, (state ?? 0) + 1]
      case 'read':
        return [state, state]
    }
  },
}

export type AliasAsked =
  | { readonly method: 'get'; readonly name: string }
  | { readonly method: 'set'; readonly name: string; readonly target: string; readonly expected?: number }
  | { readonly method: 'rename'; readonly name: string; readonly to: string }
  | { readonly method: 'remove'; readonly name: string; readonly expected?: number }

interface AliasState {
  /** Every change of a name has a revision that no other has. */
  readonly revision: number
  readonly names: Readonly<Record<string, { readonly target: string; readonly revision: number }>>
}

/** Names for objects, all together, since a rename changes two. */
export const aliasModel: Model<AliasState, AliasAsked, string | boolean | null> = {
  initial: { revision: 0, names: {} },
  apply(state, asked) {
    const now = state.names[asked.name]
    const { [asked.name]: _, ...others } = state.names
    const actual = now?.revision ?? 0
    if ('expected' in asked && asked.expected !== undefined && asked.expected !== actual) return [state, `mismatch ${actual}`]
    const revision = state.revision + 1
    switch (asked.method) {
      case 'get':
        return [state, now === undefined ? null : `${now.target}@${now.revision}`]
      case 'remove':
        return [{ ...state, names: others }, now !== undefined]
      case 'set':
        return [{ revision, names: sorted({ ...others, [asked.name]: { target: asked.target, revision } }) }, `${asked.target}@${revision}`]
      case 'rename': {
        if (now === undefined) return [state, 'not-found']
        if (asked.to !== asked.name && state.names[asked.to] !== undefined) return [state, 'already-exists']
        return [{ revision, names: sorted({ ...others, [asked.to]: { target: now.target, revision } }) }, `${now.target}@${revision}`]
      }
    }
  },
}

// Equal states have equal text.
const sorted = (names: AliasState['names']): AliasState['names'] =>
  Object.fromEntries(Object.entries(names).sort(([a], [b]) => (a < b ? -1 : 1)))

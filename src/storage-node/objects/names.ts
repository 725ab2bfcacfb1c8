import type { Call } from '../../core/transport.ts'

/** An object's name among all of a host. */
export const nameOf = (call: Pick<Call, 'type' | 'object'>): string => `${call.type}/${call.object}`

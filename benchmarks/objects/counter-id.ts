/** Names in the order of their numbers: a store is filled quickest in its own order. */
export const counterId = (nth: number): string => `o${String(nth).padStart(8, '0')}`

/** Whole numbers below 2^32 that come one by one. */
export interface Growing {
  push(value: number): void
  values(): Uint32Array
  readonly length: number
}

export const growing = (): Growing => {
  let array = new Uint32Array(1024)
  let length = 0
  return {
    push(value) {
      if (length === array.length) {
        const larger = new Uint32Array(length * 2)
        larger.set(array)
        array = larger
      }
      array[length++] = value
    },
    values: () => array.subarray(0, length),
    get length() {
      return length
    },
  }
}

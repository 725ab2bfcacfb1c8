/** IEEE 754 binary16 bits of a number, rounded to the nearest, ties to even. */
export const toHalf = (value: number): number => {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  const bits = view.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & 0x7fffff
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa === 0 ? 0 : 0x200)
  const shifted = exponent - 112
  if (shifted >= 31) return sign | 0x7c00
  // Below 2^-14 a half is subnormal: the implicit bit joins the mantissa, and more of it is cut.
  const cut = shifted > 0 ? 13 : 14 - shifted
  if (cut > 25) return sign
  const full = shifted > 0 ? (shifted << 23) | mantissa : mantissa | 0x800000
  const half = full >>> cut
  const rest = full & ((1 << cut) - 1)
  const tie = 1 << (cut - 1)
  return sign | (half + (rest > tie || (rest === tie && (half & 1) === 1) ? 1 : 0))
}

/** The number that the bits of a half-precision float stand for. */
export const fromHalf = (bits: number): number => {
  const sign = (bits & 0x8000) === 0 ? 1 : -1
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0x1f) return mantissa === 0 ? sign * Infinity : Number.NaN
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15))
}

import { failure } from '../core/errors.ts'

const units = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const
type Unit = keyof typeof units
const isUnit = (text: string): text is Unit => Object.hasOwn(units, text)

/** Bytes that an option names, as `512MiB` or `1.5GiB`; undefined where it is not given. @throws `invalid-argument` */
export const sizeOf = (option: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]+)$/.exec(text) ?? []
  const bytes = isUnit(unit) ? Math.floor(Number(number) * units[unit]) : Number.NaN
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  const [, amount, prefix = 'M'] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?$/i.exec(text) ?? []
  // What is a size, but none that can be, is not suggested again.
  const meant = amount === undefined || !Number.isNaN(bytes) ? '512MiB' : `${amount}${prefix === '' ? 'M' : prefix.toUpperCase()}iB`
  throw failure('invalid-argument', `--${option} ${text}: use a size with its unit, ${Object.keys(units).join(', ')}, such as ${meant}`)
}

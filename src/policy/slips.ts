import { parseBytes, sizeUnits } from './figures.ts'

/** What was probably meant by a value of the wrong form: the end of a message, or nothing. */
const write = (text: string | number): string => `; write ${text}`

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, sec: 1000, m: 60_000, min: 60_000, h: 3_600_000 }
const NUMBER = /^[+-]?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/i

/** For a text where a number is wanted. @param key the name of the field or signal, whose end tells its unit */
export const numberMeant = (text: string, key: string): string => {
  const plain = text.trim().replaceAll('_', '')
  if (NUMBER.test(plain)) return `${write(Number(plain))}, without ${plain === text.trim() ? 'quotes' : 'underscores'}`
  if (/^\d+,\d+$/.test(plain)) return write(plain.replace(',', '.'))
  const [, over, under] = /^(\d+(?:\.\d+)?)\s*\/\s*(\d+(?:\.\d+)?)$/.exec(plain) ?? []
  if (over !== undefined && Number(under) !== 0) return write(Number(over) / Number(under))
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(plain)?.[1]
  if (percent !== undefined) return `${write(Number(percent) / 100)}, a fraction`
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z/]+)$/.exec(plain) ?? []
  if (digits === undefined) return ''
  const ms = MS[unit.toLowerCase()]
  if (/ms$/i.test(key) && ms !== undefined) return `${write(Number(digits) * ms)}, in milliseconds`
  if (/mbps$/i.test(key) && /^(mbps|mbit\/?s?)$/i.test(unit)) return `${write(digits)}, in megabits a second`
  return ''
}

/** For a number that is out of its bounds. */
export const fractionMeant = (value: number, most: number): string =>
  most <= 1 && value > 1 && value <= 100 ? `; it is a fraction: write ${value / 100} for ${value} %` : ''

/** For what is no size. */
export const sizeMeant = (value: unknown): string => {
  const general = `write whole bytes or a number with ${sizeUnits.join(', ')}`
  if (typeof value === 'number') return value < 0 ? 'a size is 0 or more' : `${general}, such as 64MiB`
  const text = String(value).trim().replaceAll('_', '').replace(',', '.')
  if (/^\d+$/.test(text)) return `write ${text} as a plain number`
  const [, digits, letter = ''] = /^(\d+(?:\.\d+)?)\s*([kmg]?)i?(?:b|byte|bytes)?$/i.exec(text) ?? []
  if (digits === undefined) return `${general}, such as 64MiB`
  if (letter === '') return `${general}: ${digits}B`
  const [binary, decimal] = [`${letter.toUpperCase()}iB`, letter.toLowerCase() === 'k' ? 'kB' : `${letter.toUpperCase()}B`]
  return parseBytes(`${digits}${binary}`) === undefined
    ? `${general}, such as 64MiB`
    : `${general}: ${digits}${binary} (powers of 1024) or ${digits}${decimal} (of 1000)`
}

/** For a value that stands where a condition's mapping is wanted. */
export const conditionMeant = (value: unknown): string => {
  if (typeof value === 'number') return write(`{ above: ${value} } or { below: ${value} }`)
  const [, sign, bound] = (typeof value === 'string' ? /^\s*([<>])\s*(\S+)\s*$/.exec(value) : null) ?? []
  return sign === undefined ? '; write { above: 32 }, or below, or both' : write(`{ ${sign === '>' ? 'above' : 'below'}: ${bound} }`)
}

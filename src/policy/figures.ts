/** Sizes as people write them, and figures as a sentence shows them. */

const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}
export const sizeUnits = Object.keys(units)

/** Bytes of `64MiB`, `1.5 GB` or a whole number; undefined for anything else. Case matters: `mb` might mean bits. */
export const parseBytes = (value: unknown): number | undefined => {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined
  if (typeof value !== 'string') return undefined
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/.exec(value) ?? []
  if (digits === undefined || !Object.hasOwn(units, unit)) return undefined
  const bytes = Math.round(Number(digits) * (units[unit] ?? 0))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

export const formatBytes = (bytes: number): string => {
  if (bytes >= 2 ** 30) return `${trimmed(bytes / 2 ** 30)} GiB`
  if (bytes >= 2 ** 20) return `${trimmed(bytes / 2 ** 20)} MiB`
  return bytes >= 2 ** 10 ? `${trimmed(bytes / 2 ** 10)} KiB` : `${Math.round(bytes)} B`
}

export const formatMs = (ms: number): string => `${trimmed(ms)} ms`

/** Three digits say enough for a comparison. */
export const trimmed = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 100) return String(Math.round(value))
  return String(Math.round(value * (size >= 10 ? 10 : 100)) / (size >= 10 ? 10 : 100))
}

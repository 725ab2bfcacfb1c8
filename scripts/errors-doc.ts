// Writes docs/errors.md from the table of codes in src/core/errors.ts.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Code, codes, type Details } from '../src/core/errors.ts'

const details = {
  overloaded: '`retryAfterMs`: how long to wait',
  'resource-exhausted': '`retryAfterMs`: how long to wait',
  'missing-inputs': '`hashes`: the content that is missing',
  'version-mismatch': "`actual`: the object's version",
  moved: '`site`: where the object lives now',
} as const satisfies Record<keyof Details, string>

const withDetails: Partial<Record<Code, string>> = details

const head = `# Errors

Everything that active-storage throws is an \`ActiveStorageError\`. Its message begins with the code in brackets.
\`isActiveStorageError(error, 'overloaded')\` tells one code from the others and narrows \`error.details\` to its fields.

Again: whether the same call may be made again. _never_: it would fail again. _elsewhere_: this site cannot, another may.
_later_: after a pause, here or elsewhere. A call that may have begun is repeated only if its method is movable or it
carries an idempotency key.

This page is generated from \`src/core/errors.ts\` by \`npm run docs:errors\`.

`

/** The text of docs/errors.md. */
export const errorsDocument = (): string => {
  const names = Object.keys(codes).filter((name): name is Code => Object.hasOwn(codes, name))
  const rows = names.map((name) => {
    const { status, retry, means, remedy } = codes[name]
    return [`\`${name}\``, means, remedy, retry, `\`${status}\``, withDetails[name] ?? '']
  })
  const table = [['Code', 'What it means', 'What to do', 'Again', 'gRPC status', 'Details'], ...rows]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? []
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`
  const [first = [], ...others] = table.map(line)
  return `${head}${String(first)}${line(widths.map((width) => '-'.repeat(width)))}${others.join('')}`
}

const target = fileURLToPath(new URL('../docs/errors.md', import.meta.url))
if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, errorsDocument())

import { failure } from '../../core/errors.ts'
import type { Signs } from './signs.ts'

/** `aten.embedding(table, indices, padding_idx)`, as PyTorch's default exporter writes it beside a Gather. */
const EMBEDDING = /aten\.embedding\.default\]\(args = \(%[\w.]+, %[\w.]+, (\d+)/

/**
 * Rows of embedding tables that look-ups give no gradient (`padding_idx`), by table: those that the caller names, and those
 * that the exporter wrote down.
 * @throws ActiveStorageError `invalid-argument`, `bad-model` for a row that a table does not have
 */
export const paddingOf = (
  { source, declared, program }: Signs,
  given: Readonly<Record<string, number>> = {},
): ReadonlyMap<string, number> => {
  const { initializers, nodes } = source.graph
  const found = new Map<string, number>()
  const add = (name: string, row: number, code: 'invalid-argument' | 'bad-model', of: string) => {
    const [rows] = initializers.get(name)?.shape ?? []
    if (rows === undefined) throw failure(code, `${of}: the model has no table "${name}"`)
    if (!Number.isSafeInteger(row) || row < 0 || row >= rows)
      throw failure(code, `${of}: "${name}" has ${rows} rows, and none of number ${row}`)
    found.set(name, row)
  }
  for (const [name, { paddingIdx }] of declared?.tensors ?? [])
    if (paddingIdx !== undefined && initializers.has(name)) add(name, paddingIdx, 'bad-model', 'the padding_idx that the exporter wrote')
  for (const { op, name, inputs } of program === undefined ? [] : nodes) {
    const [table = ''] = inputs
    const row = op === 'Gather' && initializers.has(table) ? EMBEDDING.exec(program?.calls.get(name) ?? '')?.[1] : undefined
    if (row !== undefined) add(table, Number(row), 'bad-model', 'the padding_idx that the exporter wrote')
  }
  for (const [name, row] of Object.entries(given)) add(name, row, 'invalid-argument', 'paddingRows')
  return found
}

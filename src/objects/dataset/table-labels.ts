import { extname } from 'node:path'
import { failure } from '../../core/errors.ts'
import type { Classes } from './classes.ts'
import type { Table } from './columns.ts'
import type { CsvRecord } from './csv.ts'

/** The one delimiter of a table. @throws `invalid-argument` */
export const delimiterOf = (path: string, given: string | undefined): string => {
  // A shell hands "\\t" on as two characters.
  const delimiter = (given === '\\t' ? '\t' : given) ?? (extname(path).toLowerCase() === '.tsv' ? '\t' : ',')
  if (delimiter.length !== 1 || '"\r\n'.includes(delimiter))
    throw failure('invalid-argument', `delimiter "${delimiter}": use one character, no quote or line break`)
  return delimiter
}

/** Gives the label of a row: the number of its class where texts are names, else its number; undefined without a column. */
export const labelReader =
  (table: Table, column: number | undefined, named: boolean, classes: Classes) =>
  (record: CsvRecord): number | undefined => {
    if (column === undefined) return undefined
    if (!named) return table.labelAt(record, column)
    const name = record.fields[column] ?? ''
    if (name.trim() === '')
      throw table.refuse(record, column, `column "${table.names[column]}" has no label here: complete it, or leave the row out`)
    return classes.numberOf(name)
  }

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { ObjectRef } from '../../src/core/object-ref.ts'
import { siteName } from '../../src/core/ids.ts'
import { lmdbStore } from '../../src/storage-node/store/lmdb-store.ts'
import { keyOf, type Write } from '../../src/storage-node/store/store.ts'
import { decodeRecord, recordKey, tablePrefix } from '../../src/storage-node/objects/record.ts'
import { toBytes } from '../../src/wire/stored.ts'
import { npy } from '../objects/dataset/npys.ts'
import { entry } from '../objects/dataset/tars.ts'

/** Writes a file of many parts without holding all of it. */
const written = (path: string, count: number, part: (index: number) => string | Buffer, ends: readonly [string, string | Buffer]) => {
  const fd = openSync(path, 'w')
  writeSync(fd, ends[0])
  for (let from = 0; from < count; from += 5000) {
    const parts = Array.from({ length: Math.min(5000, count - from) }, (_, index) => Buffer.from(part(from + index)))
    writeSync(fd, Buffer.concat(parts))
  }
  writeSync(fd, Buffer.from(ends[1]))
  closeSync(fd)
  return path
}

const word = (index: number) => `w${(index * 7919) % 5000} t${index % 97}`

/** Files of so many samples, in all the formats that a data set adopts. */
export const manyFiles = (folder: string, rows: number) => {
  const table = (name: string, first: number, count: number) =>
    written(join(folder, name), count, (row) => `r${first + row},${row % 1000},${row % 7},${row % 3},"${word(row)}"\n`, [
      'id,a,b,c,text\n',
      '',
    ])
  const half = Math.ceil(rows / 2)
  // A data set takes at most 500,000 samples in one call.
  const most = Math.min(rows, 500_000)
  const tarred = Math.min(rows / 2, 100_000)
  const graph = join(folder, 'graph')
  mkdirSync(graph)
  written(join(graph, 'nodes.tsv'), most, (row) => `${row}\t${row % 3}\t${row % 11}\n`, ['id\tclass\tx\n', ''])
  written(join(graph, 'edges.tsv'), rows, (row) => `${row % most}\t${(row * 7919) % most}\n`, ['from\tto\n', ''])
  const images = join(folder, 'images')
  const files = Math.min(rows / 20, 20_000)
  for (let file = 0; file < files; file++) {
    if (file % 1000 === 0) mkdirSync(join(images, `class-${file / 1000}`), { recursive: true })
    writeFileSync(join(images, `class-${Math.floor(file / 1000)}`, `${file}.png`), `file ${file}`)
  }
  const array = join(folder, 'a.npy')
  writeFileSync(array, npy('<f4', `(${most}, 2)`, Buffer.alloc(most * 8, 1)))
  const labels = join(folder, 'labels.npy')
  writeFileSync(labels, npy('<i8', `(${most},)`, Buffer.from(BigInt64Array.from({ length: most }, (_, index) => BigInt(index)).buffer)))
  return {
    tables: [table('first.csv', 0, half), table('second.csv', half, rows - half)],
    tar: written(join(folder, 'a.tar'), tarred, (row) => entry(`class-${row % 10}/${row}.png`, Buffer.from(`entry ${row}`)), [
      '',
      Buffer.alloc(1024),
    ]),
    graph,
    images,
    array,
    labels,
    most,
  }
}

/** Puts many aliases, all of them expired, into a data folder that has a directory. */
export const manyAliases = async (data: string, rows: number): Promise<void> => {
  const store = await lmdbStore(join(data, 'store'))
  const record = store.get(recordKey('directory', 'main'))
  if (record === undefined) throw new Error('there is no directory')
  const prefix = tablePrefix(decodeRecord(record, 'directory/main').space, 'aliases')
  const value = toBytes({ target: new ObjectRef('dataset', 'd', siteName('node')), revision: 1, expires: 1 })
  for (let from = 0; from < rows; from += 5000) {
    const writes = Array.from({ length: Math.min(5000, rows - from) }, (_, index): Write => ({ key: prefix + keyOf(`alias-${String(from + index).padStart(9, '0')}`), value })) // prettier-ignore
    await store.commit(writes)
  }
  await store.close()
}

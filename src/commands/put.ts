import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import { failure } from '../core/errors.ts'
import { hint } from '../core/nearest.ts'
import { remoteOf } from '../core/remote.ts'
import { type AdoptOptions, formats } from '../objects/dataset/adopt.ts'
import { dataset } from '../objects/dataset/dataset.ts'
import { model } from '../objects/model/model.ts'
import { externalFilesOf } from '../objects/model/onnx-file.ts'
import { pipeline } from '../objects/pipeline/pipeline.ts'
import { parseSpec } from '../objects/pipeline/spec.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption, type Parsed } from './command.ts'
import { humanBytes, print, progress, toJson } from './output.ts'

/** Bytes of samples sent in one call. */
const GROUP = 16 * 1024 * 1024

const filesOf = async (path: string): Promise<readonly string[]> => {
  const info = await stat(path).catch((error: unknown) => {
    throw failure('not-found', `${path}: ${error instanceof Error ? error.message : String(error)}`, error)
  })
  if (info.isFile()) return [path]
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** The options of `adopt` that were given; lists have commas between their items. */
const adoption = (args: Parsed, labels: 'folder' | 'class' | undefined): AdoptOptions => {
  const format = formats.find((each) => each === args.text('format'))
  if (format === undefined && args.text('format') !== undefined)
    throw failure('invalid-argument', `--format ${args.text('format')}: use one of ${formats.join(', ')}`)
  const texts = Object.fromEntries(
    ['id', 'label', 'text', 'words'].flatMap((name) => (args.text(name) === undefined ? [] : [[name, args.text(name)]])),
  )
  const lists = Object.fromEntries(
    ['group', 'features'].flatMap((name) => (args.text(name) === undefined ? [] : [[name, args.text(name)?.split(',')]])),
  )
  const { label } = texts
  // An array's labels are a file beside it.
  const file = label?.endsWith('.npy') === true ? { label: resolve(label) } : {}
  return { ...texts, ...file, ...lists, ...(format !== undefined && { format }), ...(labels !== undefined && { labels }) }
}

export const put: Command = {
  name: 'put',
  summary: 'Puts samples, a model or a pipeline into an object of a node.',
  usage: 'dataset|model|pipeline NAME PATH...',
  options: {
    ...nodeOption,
    adopt: { type: 'boolean', help: 'dataset: PATH is a folder, .tar, .csv, .tsv or .npy of the node, taken in where it lies' },
    labels: { type: 'string', value: 'folder|class', help: "dataset: a sample's label is the name of its folder, or (--adopt) its number" },
    format: { type: 'string', value: 'FORMAT', help: `--adopt: one of ${formats.join(', ')}, where the name does not tell` },
    label: { type: 'string', value: 'COLUMN', help: '--adopt csv, graph: the column of the labels; npy: the file of them' },
    id: { type: 'string', value: 'COLUMN', help: '--adopt csv, graph: the column of the ids' },
    group: { type: 'string', value: 'COLUMNS', help: '--adopt csv: rows alike in these are one time series' },
    features: { type: 'string', value: 'COLUMNS', help: '--adopt csv, graph: the columns that a sample is made of' },
    text: { type: 'string', value: 'COLUMN', help: '--adopt csv: the column of text that a sample is' },
    words: { type: 'string', value: 'COLUMN', help: "--adopt graph: the column of a node's words, as numbers" },
  },
  examples: [
    'active-storage put dataset photos ./photos',
    'active-storage put dataset photos --adopt /srv/photos',
    'active-storage put dataset cifar --adopt /srv/train.tar --labels class',
    'active-storage put dataset motes --adopt /srv/motes.csv --group mote --label label --features humidity,temperature',
    'active-storage put model faces blazeface.onnx',
    'active-storage put pipeline faces-256 pipeline.json',
  ],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const [kind, name, ...paths] = args.positionals
      const [path] = paths
      if (kind === undefined || name === undefined || path === undefined)
        throw failure('invalid-argument', 'usage: active-storage put dataset|model|pipeline NAME PATH...')
      const labels = args.text('labels')
      const adopting = args.flag('adopt')
      if (labels !== undefined && labels !== 'folder' && !(labels === 'class' && adopting))
        throw failure('invalid-argument', `--labels ${labels}: use folder, or, with --adopt, class`)
      const bar = progress(`${kind} ${name}`)
      const route = () => transport
      const done = (result: unknown, text: string) => print(args.flag('json') ? toJson(result) : text)
      try {
        if (kind === 'dataset' && adopting) {
          const result = await remoteOf(dataset, name, route, { timeoutMs }).adopt(resolve(path), adoption(args, labels))
          done(result, `${result.added} samples added; ${name} has ${result.count}, ${humanBytes(result.bytes)}`)
        } else if (kind === 'dataset') {
          const set = remoteOf(dataset, name, route, { timeoutMs })
          let group: { id: string; bytes: Uint8Array; label?: string }[] = []
          let size = 0
          let sent = 0
          let result = { count: 0, bytes: 0 }
          const flush = async () => {
            if (group.length === 0) return
            result = await set.put(group)
            sent += size
            bar.update(humanBytes(sent))
            group = []
            size = 0
          }
          for (const root of paths) {
            for (const file of await filesOf(root)) {
              const bytes = await readFile(file)
              const id = file === root ? basename(file) : relative(root, file).split(sep).join('/')
              const folder = id.split('/').at(-2)
              group.push({ id, bytes, ...(labels === 'folder' && folder !== undefined && { label: folder }) })
              size += bytes.byteLength
              if (size >= GROUP) await flush()
            }
          }
          await flush()
          done(result, `${name} has ${result.count} samples, ${humanBytes(result.bytes)}`)
        } else if (kind === 'model') {
          const { file, external } = await externalFilesOf(path)
          const result = await remoteOf(model, name, route, { timeoutMs }).put(file, external)
          done(
            result,
            `${name}: ${humanBytes(result.bytes)}, inputs ${result.inputs.map((spec) => `${spec.name} ${spec.dtype}[${spec.shape.join(',')}]`).join(', ')}, ${result.mode === 'loop' ? 'one sample a run' : 'batches whole'}`,
          )
        } else if (kind === 'pipeline') {
          const hash = await remoteOf(pipeline, name, route, { timeoutMs }).put(parseSpec(await readFile(path, 'utf8'), path))
          done({ name, hash }, `${name}: pipeline ${hash.slice(0, 16)}`)
        } else
          throw failure(
            'invalid-argument',
            `put takes dataset, model or pipeline, not "${kind}"${hint(kind, ['dataset', 'model', 'pipeline'])}`,
          )
      } finally {
        bar.done()
      }
    }),
}

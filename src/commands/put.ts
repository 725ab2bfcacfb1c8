import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { failure } from '../core/errors.ts'
import { fileFailure } from '../core/file-failure.ts'
import { hint } from '../core/nearest.ts'
import { remoteOf } from '../core/remote.ts'
import { dataset } from '../objects/dataset/dataset.ts'
import { model } from '../objects/model/model.ts'
import { externalFilesOf } from '../objects/model/onnx-file.ts'
import { pipeline } from '../objects/pipeline/pipeline.ts'
import { parseSpec } from '../objects/pipeline/spec.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { batchOf, modelText } from './model-text.ts'
import { humanBytes, print, progress, toJson } from './output.ts'
import { adoptOptionsOf, datasetOptions, pushFiles } from './put-dataset.ts'
import { reportText } from './report-text.ts'

const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw fileFailure(path, error)
  })

/** A line and the report below it; a node of an older version sends none. */
const withReport = (line: string, report: Parameters<typeof reportText>[0] | undefined): string =>
  [line, report === undefined ? '' : reportText(report)].filter((text) => text !== '').join('\n')

export const put: Command = {
  name: 'put',
  summary: 'Puts samples, a model or a pipeline into an object of a node.',
  usage: 'dataset|model|pipeline NAME PATH...',
  options: {
    ...nodeOption,
    ...datasetOptions,
    batch: {
      type: 'string',
      value: 'whole|one|JSON',
      help: 'model: how it takes a batch, e.g. \'{"inputs":{"x":0,"scale":null}}\' (default: as its graph shows)',
    },
  },
  examples: [
    'active-storage put dataset photos ./photos',
    'active-storage put dataset photos --adopt /srv/photos',
    'active-storage put dataset cifar --adopt /srv/train.tar --labels class --strict',
    'active-storage put dataset motes --adopt /srv/motes.csv --group mote --label label --features humidity,temperature',
    'active-storage put model faces blazeface.onnx',
    'active-storage put model scores net.onnx --batch \'{"inputs":{"x":0,"scale":null}}\'',
    'active-storage put pipeline faces-256 pipeline.json',
  ],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const [kind, name, ...paths] = args.positionals
      const [path] = paths
      if (kind === undefined || name === undefined || path === undefined)
        throw failure('invalid-argument', 'usage: active-storage put dataset|model|pipeline NAME PATH...')
      const adopting = args.flag('adopt')
      const options = adoptOptionsOf(args)
      const { labels, strict = false } = options
      if (labels !== undefined && labels !== 'folder' && !adopting)
        throw failure('invalid-argument', `--labels ${labels}: use folder, or, with --adopt, class or cls`)
      const stray = Object.keys(options).find((key) => key !== 'labels' && key !== 'strict')
      if (stray !== undefined && (kind !== 'dataset' || !adopting))
        throw failure(
          'invalid-argument',
          `--${stray === 'edgesBy' ? 'edges-by' : stray} says how files of the node are read: use it with dataset and --adopt`,
        )
      if (paths.length > 1 && (kind !== 'dataset' || adopting))
        throw failure('invalid-argument', `${adopting ? '--adopt' : kind} takes one PATH, and ${paths.length} are given`)
      const bar = progress(`${kind} ${name}`)
      const route = () => transport
      const done = (result: unknown, text: string) => print(args.flag('json') ? toJson(result) : text)
      try {
        if (kind === 'dataset' && adopting) {
          const result = await remoteOf(dataset, name, route, { timeoutMs }).adopt(resolve(path), options)
          done(result, withReport(`${result.added} samples added; ${name} has ${result.count}, ${humanBytes(result.bytes)}`, result.report))
        } else if (kind === 'dataset') {
          const set = remoteOf(dataset, name, route, { timeoutMs })
          const result = await pushFiles(set, paths, labels, strict, (text) => bar.update(text))
          done(result, withReport(`${name} has ${result.count} samples, ${humanBytes(result.bytes)}`, result.report))
        } else if (kind === 'model') {
          const { file, external } = await externalFilesOf(path)
          const batch = batchOf(args.text('batch'))
          const target = remoteOf(model, name, route, { timeoutMs })
          const result = await (batch === undefined ? target.put(file, external) : target.put(file, external, { batch }))
          done(result, modelText(name, result))
        } else if (kind === 'pipeline') {
          const hash = await remoteOf(pipeline, name, route, { timeoutMs }).put(parseSpec(await textOf(path), path))
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

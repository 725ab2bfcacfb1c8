import { readFile, writeFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import { failure, isActiveStorageError } from '../core/errors.ts'
import { type Remote, remoteOf } from '../core/remote.ts'
import { externalFilesOf } from '../objects/model/onnx-file.ts'
import { readGraph } from '../graph/read.ts'
import { writeGraph } from '../graph/write.ts'
import { parallelTrainer } from '../objects/parallel/parallel-trainer.ts'
import type { ParallelPlan } from '../objects/parallel/plan.ts'
import type { ParallelProgress } from '../objects/parallel/progress.ts'
import type { Progress } from '../objects/trainer/job.ts'
import type { FitPlan, TrainerSpec } from '../objects/trainer/spec.ts'
import { trainer } from '../objects/trainer/trainer.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption, type Parsed } from './command.ts'
import { humanBytes, print, progress, toJson } from './output.ts'

/** A plan's file: the two halves are checked by the node, which names what is wrong in them. */
const readPlan = async (path: string): Promise<{ readonly trainer: TrainerSpec; readonly fit: FitPlan | ParallelPlan }> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw failure('not-found', `${path}: ${error instanceof Error ? error.message : String(error)}`, error)
  })
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) throw failure('invalid-argument', `${path}: ${problem.message.split('\n')[0] ?? ''}`)
  const plan: unknown = document.toJS()
  if (typeof plan !== 'object' || plan === null || !('trainer' in plan) || !('fit' in plan))
    throw failure(
      'invalid-argument',
      `${path}: a plan has two parts, \`trainer\` (loss, optimizer, learningRate) and \`fit\` (dataset, pipeline, batchSize, epochs)`,
    )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the node holds it against the schemas
  return plan as { trainer: TrainerSpec; fit: FitPlan | ParallelPlan }
}

const WIDTH = 24
const duration = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  return seconds < 90 ? `${seconds} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
const percent = (share: number | undefined): string => (share === undefined ? '' : `, accuracy ${(share * 100).toFixed(1)} %`)
const bar = ({ step, steps, loss, accuracy, samplesPerSecond, etaMs }: Progress): string => {
  const full = Math.round((step / Math.max(1, steps)) * WIDTH)
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${step}/${steps}, loss ${loss.toFixed(4)}${percent(accuracy)}, ${samplesPerSecond.toFixed(0)} samples/s, ${duration(etaMs)} left`
}
const missing = (report: Progress | ParallelProgress): string => {
  if (!('members' in report)) return ''
  const away = report.members.filter(({ state }) => state !== 'here').map(({ name, state, error }) => `${name} is ${state}${error === undefined ? '' : ` (${error})`}`) // prettier-ignore
  return `${report.missed > 0 ? `; ${report.missed} samples missed` : ''}${away.length > 0 ? `; ${away.join(', ')}` : ''}`
}
const line = (report: Progress | ParallelProgress): string => `${epochOf(report)}${missing(report)}`
const epochOf = ({ epoch, epochs, loss, accuracy, validation, samplesPerSecond }: Progress): string =>
  `epoch ${epoch + 1}/${epochs}: loss ${loss.toFixed(4)}${percent(accuracy)}${validation === undefined ? '' : `; validation: loss ${validation.loss.toFixed(4)}${percent(validation.accuracy)}`}; ${samplesPerSecond.toFixed(0)} samples/s`

type Either = Remote<typeof trainer> | Remote<typeof parallelTrainer>

const follow = async (remote: Pick<Either, 'run'>, run: number, args: Parsed): Promise<void> => {
  const shown = progress('training')
  let last: Progress | ParallelProgress | undefined
  try {
    for await (const report of remote.run(run)) {
      if (args.flag('json')) print(JSON.stringify(report))
      else if (last !== undefined && report.epoch !== last.epoch) print(line(last))
      shown.update(bar(report))
      last = report
    }
  } finally {
    shown.done()
  }
  if (last !== undefined && !args.flag('json')) print(`${line(last)}; ${last.status}`)
}

const isThere = (remote: Either): Promise<boolean> =>
  remote.status().then(
    () => true,
    (error: unknown) => {
      if (isActiveStorageError(error, 'not-found')) return false
      throw error
    },
  )

export const train: Command = {
  name: 'train',
  summary:
    'Trains a model beside the data of a node, or of several, and shows how far it has come. Ctrl-C interrupts it; --resume goes on.',
  usage: 'NAME (--model FILE --plan FILE | --resume | --pause | --cancel | --status) [--export FILE]',
  options: {
    ...nodeOption,
    model: { type: 'string', value: 'FILE', help: 'the model to train, an ONNX file' },
    plan: { type: 'string', value: 'FILE', help: 'YAML or JSON with `trainer` and `fit` (docs/training.md)' },
    epochs: { type: 'string', value: 'N', help: 'epochs in all, in place of those of the plan' },
    resume: { type: 'boolean', help: 'go on from the last checkpoint' },
    pause: { type: 'boolean', help: 'let a training make a checkpoint and stop' },
    cancel: { type: 'boolean', help: 'the same, for good' },
    status: { type: 'boolean', help: 'show what the trainer is doing' },
    export: { type: 'string', value: 'FILE', help: 'write the trained model there, when all else is done' },
  },
  examples: [
    'active-storage train cifar --model resnet.onnx --plan cifar.yaml --export trained.onnx',
    'active-storage train cifar --pause',
    'active-storage train cifar --resume --epochs 20',
  ],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      const [name] = args.positionals
      if (name === undefined) throw failure('invalid-argument', 'usage: active-storage train NAME --model FILE --plan FILE')
      const single = remoteOf(trainer, name, () => transport, { timeoutMs })
      const parallel = remoteOf(parallelTrainer, name, () => transport, { timeoutMs })
      const epochs = args.text('epochs') === undefined ? undefined : Number(args.text('epochs'))
      if (epochs !== undefined && !(Number.isSafeInteger(epochs) && epochs > 0))
        throw failure('invalid-argument', `--epochs ${args.text('epochs')}: use a whole number from 1`)
      const [model, plan] = [args.text('model'), args.text('plan')]
      // What is there already is of one of the two types.
      const found = async () => (!(await isThere(single)) && (await isThere(parallel)) ? parallel : single)
      const begun = model !== undefined && plan !== undefined && !['pause', 'cancel', 'resume'].some((flag) => args.flag(flag)) ? await readPlan(plan) : undefined // prettier-ignore
      const calls = begun === undefined ? await found() : 'members' in begun.fit ? parallel : single
      const more = epochs === undefined ? {} : { epochs }
      // As long as it takes.
      const streams = calls === single ? remoteOf(trainer, name, () => transport) : remoteOf(parallelTrainer, name, () => transport)
      if (args.flag('pause')) await calls.pause()
      else if (args.flag('cancel')) await calls.cancel()
      else if (args.flag('resume')) await follow(streams, await calls.resume(more), args)
      else if (begun !== undefined && model !== undefined) {
        const { trainer: spec, fit } = begun
        const { file, external } = await externalFilesOf(model)
        const whole = Object.keys(external).length === 0 ? file : writeGraph(readGraph(file, { external }))
        await calls.put(whole, spec)
        await follow(streams, 'members' in fit ? await parallel.fit({ ...fit, ...more }) : await single.fit({ ...fit, ...more }), args)
      } else if (!args.flag('status') && args.text('export') === undefined)
        throw failure(
          'invalid-argument',
          'say what to do: --model FILE --plan FILE, --resume, --pause, --cancel, --status or --export FILE',
        )
      const target = args.text('export')
      if (target !== undefined) {
        const bytes = await calls.export()
        await writeFile(target, bytes)
        if (!args.flag('json')) print(`${target}: ${humanBytes(bytes.byteLength)}`)
      }
      if (args.flag('status') || args.flag('pause') || args.flag('cancel')) {
        const status = await calls.status()
        print(
          args.flag('json')
            ? toJson(status)
            : `${name}: ${status.status}, step ${status.step} of the last checkpoint, epoch ${status.epoch}/${status.epochs}${status.error === undefined ? '' : `; ${status.error}`}`,
        )
      }
    }),
}

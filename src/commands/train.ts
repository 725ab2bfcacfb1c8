import { writeFile } from 'node:fs/promises'
import { failure } from '../core/errors.ts'
import { type Remote, remoteOf } from '../core/remote.ts'
import { dataset } from '../objects/dataset/dataset.ts'
import { externalFilesOf } from '../objects/model/onnx-file.ts'
import { readGraph } from '../graph/read.ts'
import { writeGraph } from '../graph/write.ts'
import type { Progress } from '../objects/trainer/job.ts'
import { trainer } from '../objects/trainer/trainer.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption, type Parsed } from './command.ts'
import { wholeEpoch } from './epoch.ts'
import { humanBytes, print, progress, toJson } from './output.ts'
import { readPlan, withVocabulary } from './plan.ts'

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
const line = ({ epoch, epochs, loss, accuracy, validation, samplesPerSecond }: Progress): string =>
  `epoch ${epoch + 1}/${epochs}: loss ${loss.toFixed(4)}${percent(accuracy)}${validation === undefined ? '' : `; validation: loss ${validation.loss.toFixed(4)}${percent(validation.accuracy)}`}; ${samplesPerSecond.toFixed(0)} samples/s`

const follow = async (remote: Remote<typeof trainer>, run: number, args: Parsed): Promise<void> => {
  const shown = progress('training')
  let reports: Progress[] = []
  try {
    for await (const report of remote.run(run)) {
      const whole = wholeEpoch(reports)
      if (whole !== undefined && report.epoch !== whole.epoch) {
        if (!args.flag('json')) print(line(whole))
        reports = []
      }
      if (args.flag('json')) print(JSON.stringify(report))
      shown.update(bar(report))
      reports.push(report)
    }
  } finally {
    shown.done()
  }
  const whole = wholeEpoch(reports)
  if (whole !== undefined && !args.flag('json')) print(`${line(whole)}; ${whole.status}`)
}

export const train: Command = {
  name: 'train',
  summary: 'Trains a model beside the data of a node, and shows how far it has come. Ctrl-C interrupts it; --resume goes on.',
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
      const calls = remoteOf(trainer, name, () => transport, { timeoutMs })
      // As long as it takes.
      const streams = remoteOf(trainer, name, () => transport)
      const epochs = args.text('epochs') === undefined ? undefined : Number(args.text('epochs'))
      if (epochs !== undefined && !(Number.isSafeInteger(epochs) && epochs > 0))
        throw failure('invalid-argument', `--epochs ${args.text('epochs')}: use a whole number from 1`)
      const [model, plan] = [args.text('model'), args.text('plan')]
      if (args.flag('pause')) await calls.pause()
      else if (args.flag('cancel')) await calls.cancel()
      else if (args.flag('resume')) await follow(streams, await calls.resume(epochs === undefined ? {} : { epochs }), args)
      else if (model !== undefined && plan !== undefined) {
        const { trainer: spec, fit: asked } = await readPlan(plan)
        const fit = await withVocabulary(asked, (set) => remoteOf(dataset, set, () => transport, { timeoutMs }))
        const { file, external } = await externalFilesOf(model)
        const whole = Object.keys(external).length === 0 ? file : writeGraph(readGraph(file, { external }))
        await calls.put(whole, spec)
        await follow(streams, await calls.fit(epochs === undefined ? fit : { ...fit, epochs }), args)
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

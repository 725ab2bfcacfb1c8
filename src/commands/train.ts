import { failure, isActiveStorageError } from '../core/errors.ts'
import { type Remote, remoteOf } from '../core/remote.ts'
import { dataset } from '../objects/dataset/dataset.ts'
import { parallelTrainer } from '../objects/parallel/parallel-trainer.ts'
import { trainer } from '../objects/trainer/trainer.ts'
import { asking } from './ask.ts'
import { type Command, nodeOption } from './command.ts'
import { print, toJson } from './output.ts'
import { readPlan, withVocabulary } from './plan.ts'
import { checkTarget, readModel, writeModel } from './training-files.ts'
import { listTensors, showRoles } from './training-roles.ts'
import { follow } from './training-view.ts'
import { trainPlaced } from './train-placed.ts'

type Either = Remote<typeof trainer> | Remote<typeof parallelTrainer>

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
  takes: 1,
  usage: 'NAME (--model FILE --plan FILE | --resume | --pause | --cancel | --status | --tensors) [--export FILE]',
  options: {
    ...nodeOption,
    model: { type: 'string', value: 'FILE', help: 'the model to train, an ONNX file' },
    plan: { type: 'string', value: 'FILE', help: 'YAML or JSON with `trainer` and `fit` (docs/training.md)' },
    epochs: { type: 'string', value: 'N', help: 'epochs in all, in place of those of the plan' },
    place: {
      type: 'string',
      value: 'SITE',
      help: 'where: auto (the policy decides), local (this process), node or cloud (default: on the node)',
    },
    cloud: { type: 'string', value: 'HOST:PORT', help: 'with --place: the bigger node far away, which has the node as a peer' },
    policy: { type: 'string', value: 'FILE', help: 'with --place auto: the policy (default: the cost model)' },
    resume: { type: 'boolean', help: 'go on from the last checkpoint' },
    pause: { type: 'boolean', help: 'let a training make a checkpoint and stop' },
    cancel: { type: 'boolean', help: 'the same, for good' },
    status: { type: 'boolean', help: 'show what the trainer is doing' },
    tensors: { type: 'boolean', help: 'list all tensors of the model: trained, frozen, buffer or constant, and why' },
    export: { type: 'string', value: 'FILE', help: 'write the trained model there, when all else is done' },
  },
  examples: [
    'active-storage train cifar --model resnet.onnx --plan cifar.yaml --export trained.onnx',
    'active-storage train cifar --model resnet.onnx --plan cifar.yaml --place auto --cloud pool:7070 --export trained.onnx',
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
      const target = args.text('export')
      if (target !== undefined) await checkTarget(target)
      if (args.text('place') !== undefined) return trainPlaced(name, args, epochs)
      // What is there already is of one of the two types.
      const found = async () => (!(await isThere(single)) && (await isThere(parallel)) ? parallel : single)
      const begun = model !== undefined && plan !== undefined && !['pause', 'cancel', 'resume'].some((flag) => args.flag(flag)) ? await readPlan(plan, epochs) : undefined // prettier-ignore
      const calls = begun === undefined ? await found() : 'members' in begun.fit ? parallel : single
      // As long as it takes.
      const streams = calls === single ? remoteOf(trainer, name, () => transport) : remoteOf(parallelTrainer, name, () => transport)
      if (args.flag('pause')) await calls.pause()
      else if (args.flag('cancel')) await calls.cancel()
      else if (args.flag('resume')) await follow(streams.run(await calls.resume(epochs === undefined ? {} : { epochs })), args)
      else if (begun !== undefined && model !== undefined) {
        const { trainer: spec, fit } = begun
        showRoles(await calls.put(await readModel(model), spec), args)
        const setOf = (set: string) => remoteOf(dataset, set, () => transport, { timeoutMs })
        await follow(streams.run('members' in fit ? await parallel.fit(fit) : await single.fit(await withVocabulary(fit, setOf))), args)
      } else if (!args.flag('status') && !args.flag('tensors') && args.text('export') === undefined)
        throw failure(
          'invalid-argument',
          'say what to do: --model FILE --plan FILE, --resume, --pause, --cancel, --status, --tensors or --export FILE',
        )
      if (args.flag('tensors')) await listTensors((asked) => calls.tensors(asked), args)
      if (target !== undefined) await writeModel(target, await calls.export(), args)
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

import { failure, isActiveStorageError } from '../core/errors.ts'
import { remoteOf } from '../core/remote.ts'
import type { Transport } from '../core/transport.ts'
import type { Value } from '../core/value.ts'
import { site } from '../objects/site.ts'
import { addressOf, asking } from './ask.ts'
import { type Command, nodeOption, type Parsed } from './command.ts'
import { methodsIn } from './declaration.ts'
import { lifecycleCall, objectOf, withNames } from './lifecycle.ts'
import { batchText, isBatchPlan } from './model-text.ts'
import { outline } from './outline.ts'
import { print, toJson } from './output.ts'

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

/** Plans and reports, which as JSON are longer than a line, by what matters of them; the rest as it is. */
const readable = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { batch, tensors, mode: _, ...others } = fields
  if (isBatchPlan(batch)) return { ...others, batch: batchText(batch) }
  if (!('trained' in fieldsOf(tensors))) return fields
  const counts = Object.entries(fieldsOf(tensors)).flatMap(([kind, group]) => {
    const count = fieldsOf(group)['tensors']
    return typeof count === 'number' ? [`${count} ${kind}`] : []
  })
  return { ...fields, tensors: counts.join(', ') }
}

/** The methods of an object on one line, by what they do. */
const methodsText = (description: Value): string => {
  const methods = [...methodsIn(description)]
  const named = (words: string, kind: string) => {
    const names = methods.filter(([, method]) => method.kind === kind).map(([name, { stream }]) => (stream ? `${name} (stream)` : name))
    return names.length === 0 ? [] : [`${words} ${names.join(', ')}`]
  }
  return [
    ...named('change it:', 'stateful'),
    ...named('read it:', 'readonly'),
    ...named('work with what is open for it:', 'session'),
    ...named('compute:', 'movable'),
  ].join('; ')
}

const describeNode = async (transport: Transport, args: Parsed, timeoutMs: number) => {
  const said = await remoteOf(site, 'main', () => transport, { timeoutMs }).describe()
  if (args.flag('json')) return print(toJson(said))
  const { name, tier, version, fingerprint, peers, types } = said
  print(
    outline(
      `node ${name} (${tier}) at ${addressOf(args)}, active-storage ${version}`,
      { builds: fingerprint, peers, types: types.join(', ') },
      undefined,
      'active-storage ls lists its objects, stats shows what it does, --json prints all',
    ),
  )
}

export const describe: Command = {
  name: 'describe',
  summary: 'Describes a node, or one of its objects, in ten lines.',
  usage: '[TYPE NAME]',
  takes: 2,
  options: {
    ...nodeOption,
    schema: { type: 'boolean', help: 'print the schemas of the state and of the methods, as JSON' },
  },
  examples: ['active-storage describe', 'active-storage describe model faces', 'active-storage describe dataset photos --schema'],
  run: (args) =>
    asking(args, async (transport, timeoutMs) => {
      if (args.positionals.length === 0) {
        if (args.flag('schema')) throw failure('invalid-argument', '--schema is for an object: active-storage describe TYPE NAME --schema')
        return describeNode(transport, args, timeoutMs)
      }
      const object = objectOf(args.positionals, 'describe [TYPE NAME]')
      const declared = await withNames(transport, object, () => lifecycleCall(transport, object, '$describe', 'readonly', timeoutMs))
      if (args.flag('schema')) return print(toJson(declared))
      // What the type has to say of it beside.
      const own = methodsIn(declared).has('describe')
        ? await lifecycleCall(transport, object, 'describe', 'readonly', timeoutMs).catch((error: unknown) => {
            // A describe that wants arguments is another thing.
            if (isActiveStorageError(error, 'invalid-argument')) return undefined
            throw error
          })
        : undefined
      if (args.flag('json')) return print(toJson(own === undefined ? declared : { ...fieldsOf(own), object: declared }))
      const { version, references } = fieldsOf(declared)
      const { version: _, ...fields } = readable(fieldsOf(own))
      print(
        outline(
          `${object.type} ${object.id}, version ${String(version)}${references === 0 ? '' : `, ${String(references)} references to it`}`,
          fields,
          methodsText(declared),
          '--schema prints the schemas of its state and methods, --json all',
        ),
      )
    }),
}

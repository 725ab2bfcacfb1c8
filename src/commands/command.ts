import { parseArgs, type ParseArgsConfig } from 'node:util'
import { failure } from '../core/errors.ts'

/** Options as `parseArgs` takes them, each with a line of help. */
export interface OptionHelp {
  readonly type: 'string' | 'boolean'
  readonly multiple?: boolean
  readonly short?: string
  /** Placeholder of the value, e.g. `HOST:PORT`. */
  readonly value?: string
  readonly help: string
}

export type Options = Readonly<Record<string, OptionHelp>>

export interface Command {
  readonly name: string
  /** One line: what it does. */
  readonly summary: string
  /** Arguments as the usage line shows them. */
  readonly usage: string
  readonly options: Options
  readonly examples: readonly string[]
  /** Gives an exit code where it is none of an error's, nor 0. */
  run(args: Parsed): Promise<void> | Promise<number>
}

export interface Parsed {
  readonly positionals: readonly string[]
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  flag(name: string): boolean
}

/** Options that every command has. */
export const common = {
  json: { type: 'boolean', help: 'print JSON, one value' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies Options

/** The option that says where the node is, for all commands that ask one. */
export const nodeOption = {
  node: { type: 'string', short: 'n', value: 'HOST:PORT', help: 'the storage node (default: $ACTIVE_STORAGE_NODE, else 127.0.0.1:7070)' },
  timeout: { type: 'string', value: 'SECONDS', help: 'the most time to wait (default 60)' },
} as const satisfies Options

export const parse = (command: Command, argv: readonly string[]): Parsed => {
  const options = { ...common, ...command.options }
  const config: ParseArgsConfig['options'] = Object.fromEntries(
    Object.entries(options).map(([name, { type, multiple, short }]: [string, OptionHelp]) => [
      name,
      { type, ...(multiple !== undefined && { multiple }), ...(short !== undefined && { short }) },
    ]),
  )
  const read = () => {
    try {
      return parseArgs({ args: [...argv], options: config, allowPositionals: true, strict: true })
    } catch (error) {
      throw failure(
        'invalid-argument',
        `${error instanceof Error ? error.message : String(error)}\nTry: active-storage ${command.name} --help`,
        error,
      )
    }
  }
  const { values, positionals } = read()
  const all = (name: string): readonly string[] => [values[name]].flat().filter((value) => typeof value === 'string')
  return { positionals, texts: all, text: (name) => all(name).at(-1), flag: (name) => values[name] === true }
}

export const helpOf = (command: Command): string => {
  const rows = Object.entries({ ...command.options, ...common } as Options).map(
    ([name, { short, value, help }]): readonly [string, string] => [
      `  ${short === undefined ? '   ' : `-${short},`} --${name}${value === undefined ? '' : ` ${value}`}`,
      help,
    ],
  )
  const width = Math.max(...rows.map(([left]) => left.length))
  return [
    `${command.summary}`,
    '',
    `Usage: active-storage ${command.name} ${command.usage}`.trimEnd(),
    '',
    'Options:',
    ...rows.map(([left, help]) => `${left.padEnd(width)}  ${help}`),
    ...(command.examples.length > 0 ? ['', 'Examples:', ...command.examples.map((example) => `  ${example}`)] : []),
    '',
  ].join('\n')
}

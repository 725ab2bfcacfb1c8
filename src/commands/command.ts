import { parseArgs, type ParseArgsConfig } from 'node:util'
import { failure } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'

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
  /** The most words that are no options; undefined: any number. */
  readonly takes?: number
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

/** An error of this command's arguments, which ends by saying where they are explained. */
const misused = (command: Command, what: string) => failure('invalid-argument', `${what}\nTry: active-storage ${command.name} --help`)

/** A word on the command line that no option takes: too much, or what an option was to be given. */
const stray = (command: Command, word: string): string => {
  const takes = command.usage === '' ? 'it takes options only' : `usage: active-storage ${command.name} ${command.usage}`
  const meant = nearest(word, Object.keys(command.options))
  return `"${word}" is one word too many; ${meant === undefined ? takes : `did you mean --${meant}?`}`
}

/** No option begins with a digit: a negative number is a word, or a value. */
const NEGATIVE = /^-\.?\d/
const MASK = '\u0000'
const masked = (arg: string): string => (NEGATIVE.test(arg) ? MASK + arg : arg)
const unmasked = (arg: string): string => (arg.startsWith(MASK) ? arg.slice(MASK.length) : arg)

/**
 * Reads the arguments of a command.
 * @throws ActiveStorageError `invalid-argument` for an unknown option (with the nearest one), an option without its value,
 * a value for a switch, and more words than the command takes
 */
export const parse = (command: Command, argv: readonly string[]): Parsed => {
  const options: Options = { ...common, ...command.options }
  const config: ParseArgsConfig['options'] = Object.fromEntries(
    Object.entries(options).map(([name, { type, multiple, short }]) => [
      name,
      { type, ...(multiple !== undefined && { multiple }), ...(short !== undefined && { short }) },
    ]),
  )
  // Not strict: the library's own errors name neither the nearest option nor what a value looks like.
  const {
    values,
    positionals: words,
    tokens,
  } = parseArgs({ args: argv.map(masked), options: config, allowPositionals: true, strict: false, tokens: true })
  const positionals = words.map(unmasked)
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    const { name, rawName, value, inlineValue } = token
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    if (option === undefined) throw misused(command, `there is no option ${rawName}${nearestOption(name, Object.keys(options))}`)
    if (option.type === 'boolean') {
      if (value !== undefined) throw misused(command, `${rawName} takes no value; it was given "${value}"`)
      continue
    }
    const form = `--${name} ${option.value ?? 'VALUE'}`
    if (value === undefined) throw misused(command, `${rawName} needs a value: ${form}`)
    if (inlineValue === false && value.startsWith('-') && value.length > 1)
      throw misused(command, `${rawName} needs a value, and ${value} follows: write ${form}, or --${name}=${value} where that is the value`)
  }
  const extra = command.takes === undefined ? undefined : positionals[command.takes]
  if (extra !== undefined) throw misused(command, stray(command, extra))
  const all = (name: string): readonly string[] =>
    [values[name]].flat().flatMap((value) => (typeof value === 'string' ? [unmasked(value)] : []))
  return { positionals, texts: all, text: (name) => all(name).at(-1), flag: (name) => values[name] === true }
}

const nearestOption = (name: string, names: readonly string[]): string => {
  const meant = name.length < 2 ? undefined : nearest(name, names)
  return meant === undefined ? '' : `; did you mean --${meant}?`
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

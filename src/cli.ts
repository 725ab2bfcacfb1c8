#!/usr/bin/env node
import { type Command, helpOf, parse } from './commands/command.ts'
import { type Code, toFailure } from './core/errors.ts'
import { nearest } from './core/nearest.ts'
import { VERSION } from './core/version.ts'

/** Each command is loaded when it is asked for: a node need not load what only `explain` uses. */
const commands: readonly { readonly name: string; readonly summary: string; readonly load: () => Promise<Command> }[] = [
  { name: 'node', summary: 'run a storage node', load: async () => (await import('./commands/node.ts')).node },
  { name: 'put', summary: 'put samples, a model or a pipeline into an object', load: async () => (await import('./commands/put.ts')).put },
  { name: 'ls', summary: 'list the objects of a node', load: async () => (await import('./commands/ls.ts')).ls },
  {
    name: 'describe',
    summary: 'describe a node, or one of its objects',
    load: async () => (await import('./commands/describe.ts')).describe,
  },
  { name: 'train', summary: 'train a model beside the data', load: async () => (await import('./commands/train.ts')).train },
  { name: 'call', summary: 'call a method of an object', load: async () => (await import('./commands/call.ts')).call },
  {
    name: 'explain',
    summary: 'check a policy, and show where it would place a call',
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  { name: 'rm', summary: 'delete an object', load: async () => (await import('./commands/rm.ts')).rm },
  { name: 'mv', summary: 'move an object to another site', load: async () => (await import('./commands/mv.ts')).mv },
  { name: 'gc', summary: 'remove content that no object refers to', load: async () => (await import('./commands/gc.ts')).gc },
  {
    name: 'backup',
    summary: 'have a running node write a backup of itself',
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'make a data folder from a backup',
    load: async () => (await import('./commands/restore.ts')).restore,
  },
  {
    name: 'verify',
    summary: 'check a whole data folder that no node has open',
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  { name: 'stats', summary: 'show what a node is doing and has done', load: async () => (await import('./commands/stats.ts')).stats },
]

/** What a script can tell apart; docs/cli.md has the table. */
const exitCodes: Partial<Record<Code, number>> = {
  'invalid-argument': 2,
  'invalid-policy': 2,
  'not-found': 3,
  'unknown-type': 3,
  'unknown-method': 3,
  unavailable: 4,
  'deadline-exceeded': 5,
  overloaded: 6,
  'folder-in-use': 7,
  'address-in-use': 7,
  'permission-denied': 8,
  'declaration-changed': 9,
  unsupported: 9,
}

const overview = (): string => {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    `active-storage ${VERSION}: runs AI work where the data lies`,
    '',
    'Usage: active-storage COMMAND [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'active-storage COMMAND --help shows the options of a command.',
    '',
  ].join('\n')
}

/** What other tools call these. */
const synonyms: Readonly<Record<string, string>> = {
  add: 'put',
  cat: 'describe',
  check: 'verify',
  delete: 'rm',
  get: 'describe',
  inspect: 'describe',
  list: 'ls',
  move: 'mv',
  remove: 'rm',
  rename: 'mv',
  run: 'node',
  serve: 'node',
  show: 'describe',
  start: 'node',
  status: 'stats',
  upload: 'put',
}

const noCommand = (name: string): string => {
  const names = commands.map((known) => known.name)
  const meant = (Object.hasOwn(synonyms, name) ? synonyms[name] : undefined) ?? nearest(name, names)
  const start = name.startsWith('-') ? `the command comes first: active-storage COMMAND ${name}` : `there is no command "${name}"`
  return `${start}${meant === undefined ? '' : `; did you mean \`${meant}\`?`}\nactive-storage --help lists the commands\n`
}

const main = async (argv: readonly string[]): Promise<number> => {
  const [first, ...others] = argv
  // `help COMMAND` is `COMMAND --help`.
  const [name, rest] = first === 'help' && others[0] !== undefined ? [others[0], ['--help']] : [first, others]
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  const found = commands.find((known) => known.name === name)
  if (found === undefined) {
    process.stderr.write(`active-storage: ${noCommand(name)}`)
    return 2
  }
  const command = await found.load()
  const end = rest.indexOf('--')
  const given = end < 0 ? rest : rest.slice(0, end)
  if (given.includes('--help') || given.includes('-h')) {
    process.stdout.write(helpOf(command))
    return 0
  }
  try {
    return (await command.run(parse(command, rest))) ?? 0
  } catch (error) {
    const known = toFailure(error)
    if (given.includes('--json'))
      process.stderr.write(`${JSON.stringify({ code: known.code, message: known.text, origin: known.origin })}\n`)
    else process.stderr.write(`active-storage ${name}: ${known.message}\n`)
    if (known.code === 'internal' && known.stack !== undefined) process.stderr.write(`${known.stack}\n`)
    return exitCodes[known.code] ?? 1
  }
}

// Without a listener, Node opens its inspector on this signal: a port that runs any code.
process.on('SIGUSR1', () => undefined)
// A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
process.exitCode = await main(process.argv.slice(2))

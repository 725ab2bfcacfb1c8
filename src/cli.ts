#!/usr/bin/env node
import { call } from './commands/call.ts'
import { type Command, helpOf, parse } from './commands/command.ts'
import { describe } from './commands/describe.ts'
import { explain } from './commands/explain.ts'
import { ls } from './commands/ls.ts'
import { node } from './commands/node.ts'
import { put } from './commands/put.ts'
import { stats } from './commands/stats.ts'
import { type Code, toFailure } from './core/errors.ts'
import { VERSION } from './core/version.ts'

const commands: readonly Command[] = [node, put, ls, describe, call, explain, stats]

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

const main = async (argv: readonly string[]): Promise<number> => {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview())
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  const command = commands.find((known) => known.name === name)
  if (command === undefined) {
    process.stderr.write(`active-storage: there is no command "${name}"\n\n${overview()}`)
    return 2
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(helpOf(command))
    return 0
  }
  try {
    await command.run(parse(command, rest))
    return 0
  } catch (error) {
    const known = toFailure(error)
    if (rest.includes('--json')) process.stderr.write(`${JSON.stringify({ code: known.code, message: known.text, origin: known.origin })}\n`)
    else process.stderr.write(`active-storage ${name}: ${known.message}\n`)
    if (known.code === 'internal' && known.stack !== undefined) process.stderr.write(`${known.stack}\n`)
    return exitCodes[known.code] ?? 1
  }
}

process.exitCode = await main(process.argv.slice(2))

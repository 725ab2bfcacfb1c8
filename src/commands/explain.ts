import { readFile } from 'node:fs/promises'
import { failure } from '../core/errors.ts'
import { fileFailure } from '../core/file-failure.ts'
import { parsePolicy } from '../policy/parse.ts'
import { callFromSignals, explain as explainCall, renderExplanation } from '../policy/explain.ts'
import { signals } from '../policy/signals.ts'
import type { Command } from './command.ts'
import { print, toJson } from './output.ts'

const readPolicy = async (path: string) => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw fileFailure(path, error)
  })
  return parsePolicy(text, path)
}

const pairsOf = (texts: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    texts.map((text) => {
      const cut = text.indexOf('=')
      const value = Number(text.slice(cut + 1))
      if (cut < 1 || text.length === cut + 1 || Number.isNaN(value))
        throw failure('invalid-argument', `--signal ${text}: use NAME=NUMBER, such as node.rttMs=1.5`)
      return [text.slice(0, cut), value]
    }),
  )

export const explain: Command = {
  name: 'explain',
  summary: 'Checks a policy file, and shows where it would place a call and why.',
  usage: 'POLICY.yaml [--call TYPE.METHOD] [--signal NAME=NUMBER...]',
  takes: 1,
  options: {
    call: { type: 'string', value: 'TYPE.METHOD', help: 'the movable call to place (default loader.batch)' },
    signal: { type: 'string', multiple: true, value: 'NAME=NUMBER', help: 'what is measured; may be repeated' },
    signals: { type: 'boolean', help: 'list the signals and what they mean' },
  },
  examples: [
    'active-storage explain policy.yaml --call loader.batch --signal node.rttMs=1 --signal node.inFlight=40',
    'active-storage explain --signals',
  ],
  async run(args) {
    if (args.flag('signals'))
      return print(
        args.flag('json')
          ? toJson(signals)
          : Object.entries(signals)
              .map(([name, means]) => `${name.padEnd(24)} ${means}`)
              .join('\n'),
      )
    const [path] = args.positionals
    if (path === undefined)
      throw failure('invalid-argument', 'usage: active-storage explain POLICY.yaml [--call TYPE.METHOD] [--signal NAME=NUMBER...]')
    const [type, method, ...more] = (args.text('call') ?? 'loader.batch').split('.')
    if (!type || !method || more.length > 0)
      throw failure('invalid-argument', `--call ${args.text('call')}: use TYPE.METHOD, such as loader.batch`)
    const document = await readPolicy(path)
    const { call, sites, model } = callFromSignals(pairsOf(args.texts('signal')), { type, method })
    const explanation = explainCall(document, call, sites, model)
    print(args.flag('json') ? toJson(explanation) : renderExplanation(explanation))
  },
}

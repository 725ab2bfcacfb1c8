// Reads inputs of one format, and tells on its descriptor 3 which it begins and what became of it. The process that started it
// watches its time and memory, and knows by the last line which input ended it.
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { Value } from '../../../src/core/value.ts'
import { isFormat, OUR_FAULT, type Format, type Input, type Line, type Outcome, type Session } from './format.ts'
import { formats } from './formats.ts'
import { judge, type Judged } from './judge.ts'

const say = (line: Line) => void writeSync(3, `${JSON.stringify(line)}\n`)

const MIB = 1024 ** 2
const told = (field: string): number => {
  try {
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024
  } catch {
    return process.memoryUsage.rss() / MIB
  }
}
/** Makes the highest memory so far that of now, where the system can. */
const forgetPeak = () => {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Elsewhere the level after the input is taken.
  }
}

const outcomeOf = async (session: Session, input: Input, { mib: most }: Format): Promise<Outcome> => {
  forgetPeak()
  const before = told('VmRSS')
  const run = async (): Promise<Judged> => {
    try {
      const wrong = await session.run(input)
      return wrong === undefined ? { kind: 'value', says: '' } : { kind: 'wrong value', says: wrong }
    } catch (error) {
      return judge(error, session.names)
    }
  }
  const found = await run()
  const mib = Math.round(Math.max(told('VmHWM'), told('VmRSS')) - before)
  if (mib > most && (found.kind === 'value' || found.kind === 'error'))
    return { ...found, kind: 'memory', says: `${mib} MiB for ${input.bytes.length} bytes; ${found.says}`, mib }
  return { ...found, mib }
}

const [name = '', seedText = '', fromText = '', toText = '', replay] = process.argv.slice(2)
if (!isFormat(name)) throw new Error(`no format "${name}"`)
const format = formats[name]
const session = await format.open()
const read = (): Input => {
  const { about, base64, options } = JSON.parse(readFileSync(replay!, 'utf8')) as { about: string; base64: string; options?: Value }
  return { about, bytes: Buffer.from(base64, 'base64'), ...(options !== undefined && { options }) }
}
/** A fault of the fuzzer itself is none of the input before. */
const made = (index: number): Input => {
  try {
    return replay === undefined ? session.make(Number(seedText), index) : read()
  } catch (error) {
    process.stderr.write(`input ${index} cannot be made: ${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(OUR_FAULT)
  }
}
for (let index = Number(fromText); index < Number(toText); index++) {
  const input = made(index)
  say({ begin: index })
  const outcome = await outcomeOf(session, input, format)
  // A rejection that nobody handles ends the process while this input is still the one under way.
  await turn()
  await turn()
  say({ done: index, outcome })
}
await session.close()
process.exit(0)

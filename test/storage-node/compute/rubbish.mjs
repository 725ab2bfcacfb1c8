// A compute process that was taken over: it is ready as one should be, and then writes what MODE says.
import { readSync, writeFileSync, writeSync } from 'node:fs'

const mode = process.env['RUBBISH_MODE']
const read = (count) => {
  const into = Buffer.alloc(count)
  for (let at = 0; at < count;) {
    const got = readSync(3, into, at, count - at, null)
    if (got === 0) process.exit(0)
    at += got
  }
  return into
}
const question = () => {
  const lengths = read(12)
  read(lengths.readUInt32LE(0) + lengths.readUInt32LE(4) + lengths.readUInt32LE(8))
}
/** A frame of heads as JSON and a body of MessagePack. */
const frame = (heads, body, inline = Buffer.alloc(0)) => {
  const lengths = Buffer.alloc(12)
  const head = Buffer.from(heads)
  for (const [i, { length }] of [head, body, inline].entries()) lengths.writeUInt32LE(length, 4 * i)
  return Buffer.concat([lengths, head, body, inline])
}
// {"kind":"ready"}, and {"kind":"outputs","startedAt":0,"outputs":[["y",<segment 0>]]}
const ready = frame('[]', Buffer.concat([Buffer.from([0x81, 0xa4]), Buffer.from('kind'), Buffer.from([0xa5]), Buffer.from('ready')]))
const kindOf = (kind) =>
  frame('[]', Buffer.concat([Buffer.from([0x81, 0xa4]), Buffer.from('kind'), Buffer.from([0xa0 + kind.length]), Buffer.from(kind)]))
const answers = {
  noise: Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
  huge: Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]),
  twice: Buffer.concat([ready, ready]),
  heads: frame('[1, 2', Buffer.from([0xc0])),
  nowhere: frame('[["float32",[1000000],4000000,1,0]]', Buffer.from([0xc0])),
  sides: frame('[["float32",[-1],4,0,0]]', Buffer.from([0xc0]), Buffer.alloc(4)),
  body: frame('[]', Buffer.from([0xdd, 255, 255, 255, 255])),
  nothing: frame('[]', Buffer.from([0xc0])),
  kind: kindOf('shutdown'),
  'needs-model': kindOf('needs-model'),
  shape: kindOf('shape'),
  outputs: kindOf('outputs'),
  failed: kindOf('failed'),
}
question()
writeSync(3, ready)
for (;;) {
  question()
  if (mode === 'exit') process.exit(3)
  if (mode === 'file') writeFileSync(4, Buffer.alloc(10))
  writeSync(3, answers[mode] ?? answers.nowhere)
}

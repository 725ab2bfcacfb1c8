import { createHash } from 'node:crypto'
import { diceFor, type Dice } from '../dice.ts'
import { end, entry, gnuLong, header, paxLong, paxRecord, summed } from '../../objects/dataset/tars.ts'
import { type Adoptee, openAdopting } from './adopting.ts'
import { blindly, mutated, type Mutation, replaced } from './bytes.ts'
import type { Input, Session } from './format.ts'
import { tarFiles } from './tar-reference.ts'

const BLOCK = 512
const file = (name: string, count = 40) =>
  entry(name, Buffer.from(Uint8Array.from({ length: count }, (_, index) => (index * 7 + name.length) & 255)))
const link = (name: string, target: string, type: string) => {
  const block = header(name, 0, type)
  block.write(target, 157, 100)
  return summed(block)
}
const joined = (...parts: readonly Buffer[]) => Buffer.concat([...parts, end])

const seeds: readonly Buffer[] = [
  joined(file('a/1.jpg'), file('a/2.png', 700), file('b/3.webp', 512)),
  joined(entry('a/', Buffer.alloc(0), '5'), file('a/one.jpg', 0), file('./b//two.jpg', 513), file('.hidden/x.jpg')),
  joined(gnuLong(`long/${'x'.repeat(150)}.jpg`, Buffer.from('long')), file('c.jpg')),
  joined(paxLong(`pax/${'ü'.repeat(80)}.jpg`, Buffer.from('pax')), file('d.jpg')),
  joined(entry('PaxHeaders/y', Buffer.from(paxRecord('size', '40') + paxRecord('path', 'sized.jpg')), 'x'), file('short.jpg')),
  joined(entry('g', Buffer.from(paxRecord('comment', 'made')), 'g'), file('e.jpg')),
  joined(
    file('real.jpg', 30),
    link('hard.jpg', 'real.jpg', '1'),
    link('sub/soft.jpg', '../real.jpg', '2'),
    link('bad.jpg', '/etc/passwd', '2'),
  ),
  joined(file('x.jpg'), entry('x.cls', Buffer.from('3')), file('y.jpg'), entry('y.cls', Buffer.from('4'))),
  joined(file('twice.jpg', 10), file('twice.jpg', 20)),
  joined(entry('deep.jpg', Buffer.from('prefixed'), '0', 'some/prefix')),
]

/** Where headers begin, as far as they can be followed. */
const headersOf = (bytes: Buffer): readonly number[] => {
  const found: number[] = []
  for (let at = 0; at + BLOCK <= bytes.length && found.length < 50;) {
    if (bytes.subarray(at, at + BLOCK).every((byte) => byte === 0)) break
    found.push(at)
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8)
    if (!(size >= 0 && size < 1e6)) break
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return found
}
const withHeader = (name: string, change: (block: Buffer, dice: Dice) => void): Mutation => [
  name,
  (bytes, dice) => {
    const all = headersOf(bytes)
    if (all.length === 0) return bytes
    const at = dice.pick(all)
    const block = Buffer.from(bytes.subarray(at, at + BLOCK))
    change(block, dice)
    return replaced(bytes, at, at + BLOCK, dice.oneIn(12) ? block : summed(block))
  },
]

const names = [
  '../up.jpg', '/abs.jpg', 'a/../../b.jpg', 'a/./b.jpg', 'a//b.jpg', './', '.', '..', '', ' ', 'x.JPG', 'x.jpg/', 'a\nb.jpg', '__MACOSX/._x.jpg',
  'a\\b.jpg', 'a/1.jpg', 'constructor.jpg', '__proto__/x.jpg', 'ü.jpg', '%41.jpg', 'a:b.jpg', 'con.jpg', 'x'.repeat(100),
] as const // prettier-ignore
const sizes = [
  '00000000000',
  '7777777777\0',
  '00000000050',
  '50\0',
  ' 50 \0',
  '-0000000050',
  '0x28',
  '00000000088',
  '8',
  '',
  '77777777777',
  '00000001000',
] as const
const binarySizes: readonly (readonly number[])[] = [
  [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40],
  [0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
  [0xff, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 216],
  [0x80, 0, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0],
]
const paxValues = [
  paxRecord('path', 'other/name.jpg'), paxRecord('path', '../out.jpg'), paxRecord('path', 'nul\0in.jpg'), paxRecord('path', ''),
  paxRecord('size', '0'), paxRecord('size', '512'), paxRecord('size', '-1'), paxRecord('size', '1e3'), paxRecord('size', '99999999999999'),
  paxRecord('size', '040'), paxRecord('linkpath', 'a/1.jpg'), paxRecord('linkpath', '/x'), paxRecord('hdrcharset', 'BINARY'), paxRecord('hdrcharset', 'KOI8-R'),
  paxRecord('GNU.sparse.major', '1'), '0 a=b\n', '5 a=\n', '99 path=x\n', '12 path=x.jpg', '007 a=b\n', '7  a=b\n', ' 7 a=b\n', '8 a=b=c\n', '\n', '11 path=a\nb\n',
] as const // prettier-ignore

const own: readonly Mutation[] = [
  withHeader('another name', (block, dice) => { block.fill(0, 0, 100); block.write(dice.pick(names), 0, 100) }),
  withHeader('bytes of a name', (block, dice) => void dice.bytes(1 + dice.below(4)).copy(block, dice.below(12))),
  withHeader('another size', (block, dice) => { block.fill(0, 124, 136); block.write(dice.pick(sizes), 124, 12) }),
  withHeader('a binary size', (block, dice) => block.set(dice.pick(binarySizes), 124)),
  withHeader('another type', (block, dice) => { block[156] = dice.pick([0, 48, 49, 50, 51, 52, 53, 54, 55, 76, 75, 120, 103, 83, 86, 68, 88, 255]) }),
  withHeader('another magic', (block, dice) => { block.fill(0, 257, 265); block.write(dice.pick(['ustar\x0000', 'ustar  \0', '', 'USTAR', 'ustar\x0001', 'tar']), 257, 'latin1') }),
  withHeader('another prefix', (block, dice) => { block.fill(0, 345, 500); block.write(dice.pick([...names, 'p'.repeat(155), 'a/b/c']), 345, 155) }),
  withHeader('another target', (block, dice) => { block.fill(0, 157, 257); block.write(dice.pick([...names, 'real.jpg', 'hard.jpg', 'sub/soft.jpg']), 157, 100) }),
  withHeader('a byte of the header', (block, dice) => { block[dice.below(BLOCK)] = dice.below(256) }),
  ['an extension before an entry', (bytes, dice) => {
    const all = headersOf(bytes)
    const at = all.length === 0 ? 0 : dice.pick(all)
    const kind = dice.pick(['x', 'x', 'x', 'g', 'L', 'K'])
    const content = kind === 'L' || kind === 'K' ? Buffer.from(`${dice.pick(names)}${dice.oneIn(4) ? '' : '\0'}`) : Buffer.from(Array.from({ length: 1 + dice.below(3) }, () => dice.pick(paxValues)).join(''), 'latin1')
    return replaced(bytes, at, at, entry('ext', content, kind))
  }],
  ['a link added', (bytes, dice) => replaced(bytes, 0, 0, link(dice.pick(['l.jpg', 'm/l.jpg', 'real.jpg', 'n.jpg']), dice.pick(['l.jpg', 'm/l.jpg', 'real.jpg', 'a/1.jpg', '../real.jpg', 'n.jpg', '.', 'a']), dice.pick(['1', '2'])))],
  ['an end in between', (bytes, dice) => { const all = headersOf(bytes); const at = all.length === 0 ? 0 : dice.pick(all); return replaced(bytes, at, at, Buffer.alloc(dice.pick([512, 1024, 1536]))) }],
  ['entries in another order', (bytes, dice) => { const all = headersOf(bytes); if (all.length < 2) return bytes; const at = all[1 + dice.below(all.length - 1)]!; return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]) }],
  ['no end', (bytes) => bytes.subarray(0, Math.max(0, bytes.length - 1024))],
] // prettier-ignore

const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

const compared = async (bytes: Buffer, set: Adoptee): Promise<string | undefined> => {
  const wanted = tarFiles(bytes)
  // What the reference does not read is no finding: it is stricter than those who unpack tars.
  if (wanted === undefined) return undefined
  const found = new Map((await set.samples()).map(({ id, content }) => [id, content.hash]))
  for (const [name, held] of wanted) if (found.get(name) !== sha(held)) return found.has(name) ? `${JSON.stringify(name)} has other bytes` : `${JSON.stringify(name)} is missing: ${[...found.keys()].map((id) => JSON.stringify(id)).join(', ')}`
  for (const name of found.keys()) if (!wanted.has(name)) return `${JSON.stringify(name)} is no file of the tar: ${[...wanted.keys()].map((id) => JSON.stringify(id)).join(', ')}`
  return undefined
} // prettier-ignore

export const openTar = (): Promise<Session> => {
  const { adopt, close, name } = openAdopting('tar')
  return Promise.resolve({
    names: name,
    make: (seed, index): Input => {
      const dice = diceFor(seed, index, 'tar')
      const { value, names: done } = mutated(dice.pick(seeds), { dice, own, blind: blindly, others: seeds })
      const options = dice.oneIn(8) ? { labels: dice.pick(['folder', 'class', 'cls']) } : {}
      return { about: done.join(', '), bytes: value, options }
    },
    run: ({ bytes, options = {} }) => adopt(bytes, options as object, (set) => compared(bytes, set)),
    close,
  })
}

/** A header of 512 bytes with a right sum. */
export const header = (name: string, size: number, type = '0', magic = 'ustar\x0000', prefix = ''): Buffer => {
  const block = Buffer.alloc(512)
  block.write(name, 0, 100)
  block.write('0000644\0', 100)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write(type, 156)
  block.write(magic, 257, 'latin1')
  block.write(prefix, 345, 155)
  return summed(block)
}
export const summed = (block: Buffer): Buffer => {
  block.fill(32, 148, 156)
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  return block
}
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
export const entry = (name: string, bytes: Buffer, type = '0', prefix = ''): Buffer =>
  Buffer.concat([header(name, bytes.length, type, undefined, prefix), padded(bytes)])
export const end = Buffer.alloc(1024)
export const gnuLong = (name: string, bytes: Buffer): Buffer =>
  Buffer.concat([entry('././@LongLink', Buffer.from(`${name}\0`), 'L'), entry(name.slice(0, 100), bytes)])
export const paxRecord = (key: string, value: string): string => {
  const rest = ` ${key}=${value}\n`
  let length = Buffer.byteLength(rest) + 1
  while (Buffer.byteLength(`${length}${rest}`) !== length) length++
  return `${length}${rest}`
}
export const paxLong = (name: string, bytes: Buffer): Buffer =>
  Buffer.concat([entry('PaxHeaders/x', Buffer.from(paxRecord('mtime', '1.5') + paxRecord('path', name)), 'x'), entry('short', bytes)])

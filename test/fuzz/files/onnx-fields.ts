/** An ONNX file as a tree of fields, which is written back with right lengths whatever was changed in it. */
export interface OnnxField {
  id: number
  type: number
  /** What a length-delimited field of bytes holds, or a field of fixed size. */
  bytes: Buffer
  int: bigint
  /** The fields of a message, of the kind that the file's format gives it. */
  inner: OnnxField[] | undefined
  kind: Kind | undefined
}

export const kinds = [
  'model',
  'graph',
  'node',
  'attribute',
  'tensor',
  'value',
  'type',
  'tensorType',
  'shape',
  'side',
  'entry',
  'sparse',
] as const
export type Kind = (typeof kinds)[number]

const within: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: 'graph', 8: 'entry', 14: 'entry' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph' },
  tensor: { 13: 'entry' },
  value: { 2: 'type' },
  type: { 1: 'tensorType' },
  tensorType: { 2: 'shape' },
  shape: { 1: 'side' },
  side: {},
  entry: {},
  sparse: { 1: 'tensor', 2: 'tensor' },
}

const varint = (bytes: Buffer, at: number): readonly [value: bigint, next: number] => {
  let value = 0n
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++]
    if (byte === undefined || shift > 63n) throw new Error('no varint')
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return [value, at]
  }
}
export const varintBytes = (value: bigint): Buffer => {
  const out: number[] = []
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0))
    if (rest <= 0x7fn) return Buffer.from(out)
  }
}

/** The fields of a message that is right: seeds are. */
export const parsed = (bytes: Buffer, kind: Kind = 'model'): OnnxField[] => {
  const found: OnnxField[] = []
  for (let at = 0; at < bytes.length;) {
    const [tag, next] = varint(bytes, at)
    const [id, type] = [Number(tag >> 3n), Number(tag & 7n)]
    let [int, content]: [bigint, Buffer] = [0n, Buffer.alloc(0)]
    at = next
    if (type === 0) [int, at] = varint(bytes, at)
    else {
      const [length, from] = type === 2 ? varint(bytes, at) : [type === 5 ? 4n : 8n, at]
      content = bytes.subarray(from, from + Number(length))
      at = from + Number(length)
    }
    const innerKind = within[kind][id]
    const inner = type === 2 && innerKind !== undefined ? parsed(content, innerKind) : undefined
    found.push({ id, type, bytes: content, int, inner, kind: innerKind })
  }
  return found
}

export const written = (fields: readonly OnnxField[]): Buffer =>
  Buffer.concat(
    fields.flatMap(({ id, type, bytes, int, inner }) => {
      const tag = varintBytes(BigInt(id) * 8n + BigInt(type))
      if (type === 0) return [tag, varintBytes(int)]
      const content = inner === undefined ? bytes : written(inner)
      return type === 2 ? [tag, varintBytes(BigInt(content.length)), content] : [tag, content]
    }),
  )

/** All lists of fields of a kind, outermost first. */
export const listsOf = (fields: OnnxField[], kind: Kind, own: Kind = 'model'): OnnxField[][] => [
  ...(own === kind ? [fields] : []),
  ...fields.flatMap(({ inner, kind: of }) => (inner === undefined || of === undefined ? [] : listsOf(inner, kind, of))),
]

export const intField = (id: number, int: bigint): OnnxField => ({
  id,
  type: 0,
  bytes: Buffer.alloc(0),
  int,
  inner: undefined,
  kind: undefined,
})
export const textField = (id: number, text: string): OnnxField => ({ id, type: 2, bytes: Buffer.from(text), int: 0n, inner: undefined, kind: undefined }) // prettier-ignore
export const bytesField = (id: number, bytes: Buffer): OnnxField => ({ ...textField(id, ''), bytes })
export const messageField = (id: number, kind: Kind, inner: OnnxField[]): OnnxField => ({ ...textField(id, ''), inner, kind })

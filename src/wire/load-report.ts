import type { LoadReport } from '../core/transport.ts'

/**
 * Load as an xds.data.orca.v3.OrcaLoadReport, written and read here: grpc-js' own recorder parses its proto again on
 * every call and halts at 172 calls/s. Only `named_metrics` (field 8, map<string, double>) is used.
 */
const names = ['in_flight', 'queue_ms', 'service_ms'] as const
const FIELD_NAMED_METRICS = (8 << 3) | 2

/** Everything but the numbers never changes, so it is laid out once; `places` says where each number goes. */
const template = (() => {
  const entries = names.map((name) => {
    const key = Buffer.from(name)
    return Buffer.concat([Buffer.from([FIELD_NAMED_METRICS, key.length + 11, 0x0a, key.length]), key, Buffer.from([0x11]), Buffer.alloc(8)])
  })
  const places: number[] = []
  let at = 0
  for (const entry of entries) {
    at += entry.length
    places.push(at - 8)
  }
  return { bytes: Buffer.concat(entries), places }
})()

/** Where each number stands. */
const [IN_FLIGHT = 0, QUEUE_MS = 0, SERVICE_MS = 0] = template.places

export const encodeLoad = (load: LoadReport): Buffer => {
  const out = Buffer.from(template.bytes)
  out.writeDoubleLE(load.inFlight, IN_FLIGHT)
  out.writeDoubleLE(load.queueMs, QUEUE_MS)
  out.writeDoubleLE(load.serviceMs, SERVICE_MS)
  return out
}

/** True for a report that `encodeLoad` laid out: all but the numbers is as in the template. */
const isOurs = (buffer: Buffer): boolean => {
  if (buffer.length !== template.bytes.length) return false
  let from = 0
  for (const place of template.places) {
    if (buffer.compare(template.bytes, from, place, from, place) !== 0) return false
    from = place + 8
  }
  return true
}
const readOurs = (buffer: Buffer): LoadReport => ({
  inFlight: buffer.readDoubleLE(IN_FLIGHT),
  queueMs: buffer.readDoubleLE(QUEUE_MS),
  serviceMs: buffer.readDoubleLE(SERVICE_MS),
})

/** Reads a report of any producer; undefined where it is not one, or lacks our metrics. Unknown fields are skipped. */
export const decodeLoad = (bytes: Uint8Array): LoadReport | undefined => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isOurs(buffer)) return readOurs(buffer)
  const found = new Map<string, number>()
  try {
    readFields(buffer, (field, wire, from, to) => {
      if (field !== 8 || wire !== 2) return
      let name = ''
      let value = 0
      readFields(buffer.subarray(from, to), (inner, kind, start, stop) => {
        if (inner === 1 && kind === 2) name = buffer.toString('utf8', from + start, from + stop)
        if (inner === 2 && kind === 1) value = buffer.readDoubleLE(from + start)
      })
      found.set(name, value)
    })
  } catch {
    return undefined
  }
  const [inFlight, queueMs, serviceMs] = names.map((name) => found.get(name))
  return inFlight === undefined || queueMs === undefined || serviceMs === undefined ? undefined : { inFlight, queueMs, serviceMs }
}

const readFields = (buffer: Buffer, visit: (field: number, wire: number, from: number, to: number) => void) => {
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = buffer.readUInt8(at++)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new RangeError('varint')
  }
  while (at < buffer.length) {
    const tag = varint()
    const wire = tag & 7
    let length: number
    if (wire === 0) {
      while (buffer.readUInt8(at++) >= 0x80);
      length = 0
    } else if (wire === 1) length = 8
    else if (wire === 5) length = 4
    else if (wire === 2) length = varint()
    else throw new RangeError('wire type')
    if (at + length > buffer.length) throw new RangeError('length')
    visit(tag >>> 3, wire, at, at + length)
    at += length
  }
}

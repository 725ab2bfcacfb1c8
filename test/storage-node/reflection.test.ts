import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import descriptor from 'protobufjs/ext/descriptor/index.js'
import { reflectedFiles } from '../../src/storage-node/reflection.ts'
import { protoFile } from '../../src/wire/protocol.ts'

interface Field {
  name: string
  number: number
  label: number
  type: number
  typeName?: string
  jsonName?: string
  proto3Optional?: boolean
}
interface File {
  name: string
  package: string
  messageType: { name: string; field: Field[] }[]
  service: { name: string; method: { name: string; inputType: string; clientStreaming: boolean }[] }[]
}
const types: Readonly<Record<string, number>> = { double: 1, uint64: 4, bool: 8, string: 9, bytes: 12 }
const MESSAGE = 11

const files = (): File[] => {
  const { fileDescriptorProtos } = reflectedFiles()['files'] as unknown as { fileDescriptorProtos: Buffer[] }
  return fileDescriptorProtos.map((bytes) => descriptor.FileDescriptorProto.decode(bytes) as unknown as File)
}

test('the descriptors of reflection are those of the proto file, field by field', () => {
  const [own] = files()
  assert.ok(own !== undefined)
  assert.deepEqual([own.name, own.package], ['active_storage/v1/active_storage.proto', 'active_storage.v1'])
  const text = readFileSync(protoFile, 'utf8').replaceAll(/\/\/.*$/gm, '')
  const messages = [...text.matchAll(/message (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}/g)].map(([, name, body = '']) => ({
    name,
    fields: [...body.matchAll(/(?:(repeated|optional) )?(\w+) (\w+) = (\d+);/g)].map(([, rule, type = '', field, number]) => ({
      name: field,
      number: Number(number),
      label: rule === 'repeated' ? 3 : 1,
      type: types[type] ?? MESSAGE,
      of: types[type] === undefined ? `.active_storage.v1.${type}` : '',
      optional: rule === 'optional',
    })),
  }))
  assert.ok(messages.length > 7)
  assert.deepEqual(
    own.messageType.map(({ name, field }) => ({
      name,
      fields: field.map((one) => ({
        name: one.name,
        number: one.number,
        label: one.label,
        type: one.type,
        of: one.typeName ?? '',
        optional: one.proto3Optional === true,
      })),
    })),
    messages,
  )
  const call = own.messageType.flatMap(({ field }) => field).find(({ name }) => name === 'call_id')
  assert.equal(call?.jsonName, 'callId')
  assert.deepEqual(own.service[0]?.method[0]?.inputType, '.active_storage.v1.ClientFrame')
})

test('the health service is described too', () => {
  const health = files()[1]
  assert.deepEqual([health?.package, health?.service[0]?.name], ['grpc.health.v1', 'Health'])
  const status = health?.messageType.find(({ name }) => name === 'HealthCheckResponse')?.field.find(({ name }) => name === 'status')
  assert.equal(status?.typeName, '.grpc.health.v1.HealthCheckResponse.ServingStatus')
})

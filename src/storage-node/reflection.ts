import { loadSync, type PackageDefinition } from '@grpc/proto-loader'
import { protoPath as healthFile } from 'grpc-health-check'
import descriptor from 'protobufjs/ext/descriptor/index.js'
import { failure } from '../core/errors.ts'
import { protoFile } from '../wire/protocol.ts'

const { FileDescriptorProto } = descriptor

/** As much of a descriptor as is read here; protobufjs gives it no types. */
interface Field {
  name?: string
  typeName?: string
  jsonName?: string
  oneofIndex?: number
  proto3Optional?: boolean
  options?: unknown
}
interface Message {
  readonly name?: string
  readonly field: readonly Field[]
  readonly nestedType: readonly Message[]
  readonly enumType: readonly { readonly name?: string }[]
  readonly oneofDecl: readonly { readonly name?: string }[]
}
interface File {
  name: string
  readonly package: string
  readonly messageType: readonly Message[]
  readonly enumType: readonly { readonly name?: string }[]
}

/** Names of fields in JSON, as protoc derives them. */
const jsonName = (name: string): string => name.replaceAll(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase())

/** Full names of a file's messages and enums, those within others among them. */
const namesIn = (messages: readonly Message[], scope: string): string[] =>
  messages.flatMap((message) => {
    const own = `${scope}.${message.name ?? ''}`
    return [own, ...message.enumType.map(({ name }) => `${own}.${name ?? ''}`), ...namesIn(message.nestedType, own)]
  })

/** The full name that a name in a scope means: that of the innermost scope where there is one. */
const resolved = (name: string, scope: string, names: ReadonlySet<string>): string => {
  if (name.startsWith('.')) return name
  for (let from = scope; ; from = from.slice(0, from.lastIndexOf('.'))) {
    const full = `${from}.${name}`
    if (names.has(full) || from === '') return full
  }
}

const completeMessage = (message: Message, scope: string, names: ReadonlySet<string>): void => {
  const own = `${scope}.${message.name ?? ''}`
  for (const field of message.field) {
    const { name = '' } = field
    field.jsonName = jsonName(name)
    if (field.typeName) field.typeName = resolved(field.typeName, own, names)
    // An optional field of proto3 is one in a oneof of its own, which the compiler names so.
    if (Object.hasOwn(field, 'oneofIndex') && message.oneofDecl[field.oneofIndex ?? 0]?.name === `_${name}`) {
      field.proto3Optional = true
      delete field.options
    }
  }
  for (const inner of message.nestedType) completeMessage(inner, own, names)
}

/**
 * Descriptors of a proto file as its compiler gives them: names as they stand in the file, in full. proto-loader's own have
 * names in camelCase, which no client could send, and leave out what is optional.
 * @param name of the file, as importers of it write it
 */
const describedFile = (path: string, name: string): Buffer => {
  const bytes = Object.values(loadSync(path, { keepCase: true })).flatMap((part) =>
    'fileDescriptorProtos' in part && Array.isArray(part.fileDescriptorProtos) ? part.fileDescriptorProtos : [],
  )
  const [first] = bytes
  if (first === undefined) throw failure('internal', `${path} describes nothing`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a decoded file has these fields, as lists where there are none
  const file = FileDescriptorProto.decode(first) as unknown as File
  file.name = name
  const scope = `.${file.package}`
  const names = new Set([...namesIn(file.messageType, scope), ...file.enumType.map((one) => `${scope}.${one.name ?? ''}`)])
  for (const message of file.messageType) completeMessage(message, scope, names)
  return Buffer.from(FileDescriptorProto.encode(file).finish())
}

/** What server reflection tells of: the node's own service, and grpc.health.v1. */
export const reflectedFiles = (): PackageDefinition => {
  const files = [
    describedFile(protoFile, 'active_storage/v1/active_storage.proto'),
    describedFile(healthFile, 'grpc/health/v1/health.proto'),
  ]
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a definition reflection reads the descriptors alone
  return { files: { fileDescriptorProtos: files } } as unknown as PackageDefinition
}

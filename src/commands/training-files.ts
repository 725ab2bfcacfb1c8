import { writeFile } from 'node:fs/promises'
import { readGraph } from '../graph/read.ts'
import { writeGraph } from '../graph/write.ts'
import { externalFilesOf } from '../objects/model/onnx-file.ts'
import type { Parsed } from './command.ts'
import { humanBytes, print } from './output.ts'

/** An ONNX file with all its tensors inside. */
export const readModel = async (path: string): Promise<Uint8Array> => {
  const { file, external } = await externalFilesOf(path)
  return Object.keys(external).length === 0 ? file : writeGraph(readGraph(file, { external }))
}

export const writeModel = async (target: string, bytes: Uint8Array, args: Parsed): Promise<void> => {
  await writeFile(target, bytes)
  if (!args.flag('json')) print(`${target}: ${humanBytes(bytes.byteLength)}`)
}

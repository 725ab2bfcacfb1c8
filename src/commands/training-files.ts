import { access, constants, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { failure } from '../core/errors.ts'
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

/** Before a training begins: a model that cannot be written would be noticed at its end. @throws `not-found`, `invalid-argument`, `permission-denied` */
export const checkTarget = async (target: string): Promise<void> => {
  const found = await stat(target).catch(() => undefined)
  if (found?.isDirectory() === true) throw failure('invalid-argument', `--export ${target} is a folder: name a file in it`)
  const place = found === undefined ? dirname(target) : target
  await access(place, constants.W_OK).catch((error: unknown) => {
    if (found !== undefined || (error instanceof Error && 'code' in error && error.code !== 'ENOENT'))
      throw failure('permission-denied', `--export ${target}: this user may not write to ${place}`, error)
    throw failure('not-found', `--export ${target}: there is no folder ${place}; make it, or correct the path`, error)
  })
}

export const writeModel = async (target: string, bytes: Uint8Array, args: Parsed): Promise<void> => {
  await writeFile(target, bytes).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    throw failure('storage-failed', `${target} was not written (${why}); the trainer keeps the model: train NAME --export FILE`, error)
  })
  if (!args.flag('json')) print(`${target}: ${humanBytes(bytes.byteLength)}`)
}

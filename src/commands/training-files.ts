import { readFile, writeFile } from 'node:fs/promises'
import { parseDocument } from 'yaml'
import { failure } from '../core/errors.ts'
import { readGraph } from '../graph/read.ts'
import { writeGraph } from '../graph/write.ts'
import { externalFilesOf } from '../objects/model/onnx-file.ts'
import type { FitPlan, TrainerSpec } from '../objects/trainer/spec.ts'
import type { Parsed } from './command.ts'
import { humanBytes, print } from './output.ts'

/** A plan's file: the two halves are checked by the node, which names what is wrong in them. */
export const readPlan = async (
  path: string,
  epochs: number | undefined,
): Promise<{ readonly trainer: TrainerSpec; readonly fit: FitPlan }> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw failure('not-found', `${path}: ${error instanceof Error ? error.message : String(error)}`, error)
  })
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem !== undefined) throw failure('invalid-argument', `${path}: ${problem.message.split('\n')[0] ?? ''}`)
  const plan: unknown = document.toJS()
  if (typeof plan !== 'object' || plan === null || !('trainer' in plan) || !('fit' in plan))
    throw failure(
      'invalid-argument',
      `${path}: a plan has two parts, \`trainer\` (loss, optimizer, learningRate) and \`fit\` (dataset, pipeline, batchSize, epochs)`,
    )
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the node holds it against the schemas
  const { trainer: spec, fit } = plan as { trainer: TrainerSpec; fit: FitPlan }
  return { trainer: spec, fit: epochs === undefined ? fit : { ...fit, epochs } }
}

/** An ONNX file with all its tensors inside. */
export const readModel = async (path: string): Promise<Uint8Array> => {
  const { file, external } = await externalFilesOf(path)
  return Object.keys(external).length === 0 ? file : writeGraph(readGraph(file, { external }))
}

export const writeModel = async (target: string, bytes: Uint8Array, args: Parsed): Promise<void> => {
  await writeFile(target, bytes)
  if (!args.flag('json')) print(`${target}: ${humanBytes(bytes.byteLength)}`)
}

import { failure } from '../../core/errors.ts'
import { checkBoundsOf } from '../../graph/bounds.ts'
import { type Field, fieldsOf, lastOf, MessageWriter, restOf, textAt, textOf, varintsOf } from '../../graph/wire.ts'

/** A model whose ZipMap nodes were taken out, and what to tell of it. */
export interface Unzipped {
  readonly file: Uint8Array
  /** A line for each: the output, and the classes of its columns. */
  readonly notes: readonly string[]
}

const CLASSES_SHOWN = 20

interface ZipMap {
  readonly input: string
  readonly output: string
  readonly classes: readonly string[]
}

const zipMapOf = (node: readonly Field[]): ZipMap | undefined => {
  if (textAt(node, 4) !== 'ZipMap' || textAt(node, 7) !== 'ai.onnx.ml') return undefined
  const [input, output] = [lastOf(node, 1), lastOf(node, 2)]
  if (input === undefined || output === undefined)
    throw failure('bad-model', 'a ZipMap node without input or output: convert the model again')
  const attributes = node.filter(({ id }) => id === 5).map(({ bytes }) => fieldsOf(bytes))
  // AttributeProto: ints (classlabels_int64s) in field 8, strings (classlabels_strings) in field 9.
  const classes = attributes.flatMap((fields) => [
    ...fields.filter(({ id }) => id === 8).flatMap((field) => varintsOf(field).map(String)),
    ...fields.filter(({ id }) => id === 9).map(textOf),
  ])
  return { input: textOf(input), output: textOf(output), classes }
}

// ZipMap keeps the rows of a float32 tensor [N, classes], and makes a map of each. Without it the tensor is the output.
const FLOAT32 = 1
const tensorOutput = (name: string) =>
  new MessageWriter().text(1, name).message(2, new MessageWriter().message(1, new MessageWriter().int(1, FLOAT32)))
const identity = ({ input, output }: ZipMap) => new MessageWriter().text(1, input).text(2, output).text(4, 'Identity')

/**
 * The model with each ZipMap node (which scikit-learn's converter puts behind a classifier's probabilities) replaced by an
 * Identity: its output is then the tensor of probabilities, float32 [N, classes], in the order of the classes. A model
 * without ZipMap is given back as it is, the same bytes.
 * @throws ActiveStorageError `bad-model`
 */
export const withoutZipMap = (file: Uint8Array): Unzipped => {
  checkBoundsOf(file)
  const model = fieldsOf(file)
  const graph = model.filter(({ id }) => id === 7).flatMap(({ bytes }) => fieldsOf(bytes))
  const found = new Map<Field, ZipMap>()
  for (const field of graph) {
    const zipMap = field.id === 1 ? zipMapOf(fieldsOf(field.bytes)) : undefined
    if (zipMap !== undefined) found.set(field, zipMap)
  }
  if (found.size === 0) return { file, notes: [] }
  const outputs = new Set([...found.values()].map(({ output }) => output))
  const rewritten = new MessageWriter()
  for (const field of graph) {
    const zipMap = found.get(field)
    const name = field.id === 12 || field.id === 13 ? textAt(fieldsOf(field.bytes), 1) : ''
    if (zipMap !== undefined) rewritten.message(1, identity(zipMap))
    else if (outputs.has(name)) {
      if (field.id === 12) rewritten.message(12, tensorOutput(name))
    } else rewritten.raw([field.raw])
  }
  const writer = new MessageWriter().raw(restOf(model, [7, 8])).message(7, rewritten)
  const opsets = model.filter(({ id }) => id === 8)
  writer.raw(opsets.map(({ raw }) => raw))
  // Identity is an operator of ONNX itself, whose version a file of ai.onnx.ml alone need not state.
  const own = opsets.some(({ bytes }) => ['', 'ai.onnx'].includes(textAt(fieldsOf(bytes), 1)))
  if (!own) writer.message(8, new MessageWriter().text(1, '').int(2, 13))
  const notes = [...found.values()].map(({ output, classes }) => {
    const more = classes.length - CLASSES_SHOWN
    const shown = `${classes.slice(0, CLASSES_SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
    return `output "${output}": its ZipMap was removed, so it is a tensor [N, ${classes.length}] whose columns are the classes ${shown}, in this order`
  })
  return { file: writer.finish(), notes }
}

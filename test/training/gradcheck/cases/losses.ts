import type { Value } from '../../../../src/graph/builder.ts'
import { type Draw, int64, type Kind, smooth } from '../case.ts'

interface Labelled {
  readonly scores: Value
  readonly labels: Value
  readonly weights: Value | undefined
  readonly attributes: { readonly reduction: string | undefined; readonly ignore_index: number | undefined }
}
/** Labels some of which are ignored, by an index that is a class or none. The first label always counts. */
const labelled = (draw: Draw): Labelled => {
  const [n, classes, places] = [draw.int(1, 3), draw.int(2, 4), draw.sides(0, 2, 2)]
  const ignored = draw.pick(undefined, 0, -1, classes)
  const shape = [n, ...places]
  const count = shape.reduce((product, side) => product * side, 1)
  const counted = () => (ignored === 0 ? 1 + draw.below(classes - 1) : draw.below(classes))
  const values = Array.from({ length: count }, (_, i) => (i > 0 && ignored !== undefined && draw.below(3) === 0 ? ignored : counted()))
  return {
    scores: draw.input([n, classes, ...places]),
    labels: draw.feed(int64(values, shape)),
    weights: draw.maybe(() => (draw.flag() ? draw.input([classes], 'positive') : draw.floats([classes], 'positive'))),
    attributes: { reduction: draw.pick(undefined, 'mean', 'sum', 'none'), ignore_index: ignored },
  }
}

const crossEntropy = smooth((draw) => {
  const { scores, labels, weights, attributes } = labelled(draw)
  const outputs = draw.b.ops('SoftmaxCrossEntropyLoss', [scores, labels, ...(weights ? [weights] : [])], attributes, {
    outputs: draw.int(1, 2),
  })
  return draw.of(...(draw.int(0, 4) === 0 ? outputs.slice(-1) : outputs))
})
const negativeLogLikelihood = smooth((draw) => {
  const { scores, labels, weights, attributes } = labelled(draw)
  return draw.of(draw.op('NegativeLogLikelihoodLoss', [scores, labels, ...(weights ? [weights] : [])], attributes))
})

export const losses: Readonly<Record<string, Kind>> = {
  SoftmaxCrossEntropyLoss: crossEntropy,
  NegativeLogLikelihoodLoss: negativeLogLikelihood,
}

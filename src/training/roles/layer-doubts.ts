import { attributeOf } from '../../graph/attributes.ts'
import type { Signs } from './signs.ts'
import { some } from './text.ts'

/** The slope that RReLU has outside of training: the mean of 1/8 and 1/3. */
const RRELU = (1 / 8 + 1 / 3) / 2

/** Layers that a file holds as they are outside of training, and that are others in it. */
export const layerDoubts = ({ source: { graph } }: Signs): readonly string[] => {
  const [random, cumulative]: [string[], string[]] = [[], []]
  for (const node of graph.nodes) {
    if (node.op === 'LeakyRelu' && Math.abs((attributeOf(node, 'alpha', 'float') ?? 0) - RRELU) < 1e-6) random.push(node.name)
    if (node.op === 'BatchNormalization' && (attributeOf(node, 'momentum', 'float') ?? 0.9) === 1) cumulative.push(node.name)
  }
  return [
    ...(random.length === 0 ? [] : [`the nodes ${some(random)} have the slope that an RReLU has outside of training: in training, the framework draws slopes, and this file does not`]), // prettier-ignore
    ...(cumulative.length === 0 ? [] : [`the running statistics of ${some(cumulative)} stay as they are (a momentum of 1, as exporters write for momentum=None): evaluation after training uses the old ones. Give the BatchNorm a momentum`]), // prettier-ignore
  ]
}

import type { Call, Family, Op } from './call.ts'
import { item, make, type Nd, read } from './nd.ts'
import { logSoftmax } from './reduce.ts'

/** The loss of logarithms of probabilities, classes on the second axis. */
const negativeLogLikelihood = (call: Call, logs: Nd, labels: Nd, weights: Nd | undefined): Nd => {
  const ignored = call.node.attributes['ignore_index'] === undefined ? undefined : call.int('ignore_index', 0)
  let total = 0
  const each = make(logs.dtype, labels.shape, (at, place) => {
    const label = item(labels.data, place)
    if (label === ignored) return 0
    const weight = weights ? item(weights.data, label) : 1
    total += weight
    return -weight * read(logs, at.toSpliced(1, 0, label))
  })
  const reduction = call.text('reduction', 'mean')
  if (reduction === 'none') return each
  const sum = each.data.reduce((all, value) => all + value, 0)
  return make(logs.dtype, [], () => (reduction === 'sum' ? sum : sum / total))
}

const crossEntropy: Op = (call) => {
  const scores = call.get(0)
  const classes = item(scores.shape, 1)
  const logs = make(scores.dtype, scores.shape, (at) => {
    const lane = Array.from({ length: classes }, (_, c) => read(scores, at.with(1, c)))
    return item(logSoftmax(lane), item(at, 1))
  })
  return [negativeLogLikelihood(call, logs, call.get(1), call.maybe(2)), logs]
}

/** The two losses that are operators. */
export const losses: Family = {
  SoftmaxCrossEntropyLoss: crossEntropy,
  NegativeLogLikelihoodLoss: (call) => [negativeLogLikelihood(call, call.get(0), call.get(1), call.maybe(2))],
}

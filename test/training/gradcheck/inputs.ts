const of = (names: readonly string[], ...ops: readonly string[]): Record<string, readonly string[]> =>
  Object.fromEntries(ops.map((op) => [op, names]))

/**
 * The inputs of each operator that take floats, in their places and by their names in ONNX's specification; '' takes none.
 * The last stands for any number of them where its name ends in "...". Written from the specification, not from the rules.
 */
export const floatInputs: Readonly<Record<string, readonly string[]>> = {
  ...of(['A', 'B'], 'Add', 'Sub', 'Mul', 'Div', 'MatMul'),
  ...of(['data_0...'], 'Sum', 'Mean', 'Min', 'Max'),
  Pow: ['X', 'Y'],
  Where: ['', 'X', 'Y'],
  Clip: ['input', 'min', 'max'],
  PRelu: ['X', 'slope'],
  CastLike: ['input', 'target_type'],
  ...of(['X'], 'Neg', 'Reciprocal', 'Abs', 'Sqrt', 'Sigmoid', 'Softplus', 'Mish', 'Gelu', 'Relu', 'LeakyRelu', 'Elu', 'Celu', 'Selu'),
  ...of(['X'], 'ThresholdedRelu', 'HardSigmoid', 'HardSwish', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'TopK'),
  ...of(['input'], 'Cast', 'Identity', 'Exp', 'Log', 'Sin', 'Cos', 'Erf', 'Tanh', 'Softsign', 'Softmax', 'LogSoftmax', 'Trilu'),
  ...of(['input'], 'Flatten', 'Expand', 'Tile', 'Split', 'DepthToSpace', 'SpaceToDepth'),
  ...of(['data'], 'ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare'),
  ...of(['data'], 'ReduceLogSum', 'ReduceLogSumExp', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice'),
  ...of(['data'], 'Gather', 'GatherElements', 'GatherND'),
  CumSum: ['x'],
  Concat: ['inputs...'],
  Pad: ['data', '', 'constant_value'],
  Dropout: ['data', 'ratio'],
  ...of(['data', '', 'updates'], 'ScatterElements', 'ScatterND'),
  OneHot: ['indices', 'depth', 'values'],
  Gemm: ['A', 'B', 'C'],
  Einsum: ['Inputs...'],
  ...of(['X', 'W', 'B'], 'Conv', 'ConvTranspose'),
  BatchNormalization: ['X', 'scale', 'B', 'input_mean', 'input_var'],
  LayerNormalization: ['X', 'Scale', 'B'],
  InstanceNormalization: ['input', 'scale', 'B'],
  GroupNormalization: ['X', 'scale', 'bias'],
  SoftmaxCrossEntropyLoss: ['scores', '', 'weights'],
  NegativeLogLikelihoodLoss: ['input', '', 'weight'],
  LSTM: ['X', 'W', 'R', 'B', '', 'initial_h', 'initial_c', 'P'],
  GRU: ['X', 'W', 'R', 'B', '', 'initial_h'],
}

/** Those through which no gradient flows, whatever else the node has, and why. */
export const stillInputs: Readonly<Record<string, string>> = {
  'CastLike target_type': 'its dtype counts, not its elements',
  'Dropout ratio': 'outside of training nothing is dropped, and in training the mask is drawn before the step',
  'OneHot indices': 'the result moves in jumps',
  'OneHot depth': 'it is a size',
}

/** Names of inputs by their places: of what may be any number of inputs, each has the one name. */
export const inputAt = (op: string, place: number): string => {
  const names = floatInputs[op] ?? []
  const last = names.at(-1) ?? ''
  return names[place] ?? (last.endsWith('...') ? last : '')
}

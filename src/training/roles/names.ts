/** Names that exporters make up for tensors without a name of their own. */
const GENERATED = [
  /^onnx::/, // PyTorch's TorchScript exporter: a folded tensor
  /^val_\d+$/, // PyTorch's default exporter
  /^\d+$/, // PyTorch before 1.12
  /_output_\d+$/,
  /^(const(ant)?|shape_tensor|zero|one|two|axes?|dim|starts?|ends?|steps?)(_*\d+)?(:\d+)?$/i,
  /const_fold_opt|ConstantFolding|(^|\/)Const(_\d+)?(__\d+)?(:\d+)?$/, // tf2onnx
]
export const isGenerated = (name: string): boolean => GENERATED.some((pattern) => pattern.test(name))

/** The last part of a name: `weight` of `layers.0.weight`, `kernel` of `model/dense/kernel:0`. */
export const lastPart = (name: string): string =>
  name
    .replace(/:\d+$/, '')
    .replace(/\/(ReadVariableOp|Read\/ReadVariableOp|read)(_\d+)?$/, '')
    .split(/[./]/)
    .at(-1) ?? ''

const PARAMETER = [
  /^(weights?|bias(es)?|kernel|gamma|beta|alpha|coefficients?\d*|coefs?_?\d*|intercepts?_?\d*|original\d?|depthwise_kernel|pointwise_kernel|recurrent_kernel|embeddings?)$/i,
  /^(weight|bias)_(ih|hh|hr|g|orig|raw|v)(_l\d+)?(_reverse)?$/,
  /^in_proj_\w+$|_proj$|^lora_\w+$|^gates?$/,
  /(^|_)(weight|bias|kernel|gamma|beta|embed|embeds|embedding|embeddings|token|tokens|prompt|prompts|query|queries|scale|scales|shift|gain|offset|temperature|temp|tau|alpha|logit|logits|lambda|prototypes?|codebook|ls\d?)(_?\d+)?$/i,
  /^(log|logit|raw|learned|learnable|rel|relative)_\w+$|^log(std|var|sigma|scale)$/i,
  /^([wbgWBRPpqkv]|cls|pos|a|v)\d*$/,
]
const STATISTIC = /^(running_\w+|moving_(mean|variance|var|avg)\w*|num_batches_tracked)$/
const BUFFER = [
  /^(\w+_)?(mean|means|std|stds|stddev|var|variance|mu|sigma)(_\w+)?$/i,
  /(^|_)(mask|masks|tri|tril|triu|causal\w*)\d*$/i,
  /^(inv_freq|freqs?(_cis)?|freq_bands?|cos|sin|\w*(cos|sin)(_cached?|_table)?|rope\w*)$/i,
  /^(anchors?|anchor_grid|grid|strides?|priors?|slopes|alibi\w*|position_ids|token_type_ids|buffered_\w+)$/i,
  /^(ema|shadow|avg|centers?|momentum|queue)(_\w+)?$|_(ema|avg|shadow)$/i,
  /^(window|fb|filterbank|mel\w*|dct\w*|class_weights?|pos_weight|eps|epsilon|_?u0?|_v|weight_u|initted|initialized|steps?|counter)$/i,
]
/** Tables that are sinusoids in most models, and learned in some. */
const POSITIONS = /^(pe|pos_enc\w*|positional_enc\w*|position_enc\w*|positions|pos_table|encodings?)$/i

export type NameSign = 'parameter' | 'buffer' | 'statistic' | 'positions' | undefined

/** What a name says by itself. @param others all names of the file, for those that mean something only together */
export const signOf = (name: string, others: { has(name: string): boolean }): NameSign => {
  const last = lastPart(name)
  if (STATISTIC.test(last)) return 'statistic'
  if (POSITIONS.test(last)) return 'positions'
  // Spectral norm keeps the vectors of its power iteration beside `weight_orig`; weight norm learns its `weight_v`.
  if (last === 'weight_v' && others.has(`${name.slice(0, -1)}orig`)) return 'buffer'
  if (/(^|_)(token|tokens|embed|embedding)$/i.test(last) || /^log_?(std|var|sigma)$/i.test(last)) return 'parameter'
  if (BUFFER.some((pattern) => pattern.test(last))) return 'buffer'
  return PARAMETER.some((pattern) => pattern.test(last)) ? 'parameter' : undefined
}

/** Names of vectors that PyTorch's spectral norm moves by itself in training. */
export const isPowerIteration = (name: string, others: { has(name: string): boolean }): boolean =>
  /(^|\.)(weight_u|parametrizations\.\w+\.\d+\._u)$/.test(name) || (name.endsWith('weight_v') && others.has(`${name.slice(0, -1)}orig`))

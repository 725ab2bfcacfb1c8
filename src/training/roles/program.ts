import type { Notes } from '../../graph/notes.ts'
import type { Verdict } from './kinds.ts'

const SIGNATURE = 'pkg.torch.export.ExportedProgram.graph_signature'
const FOLDED = 'pkg.onnxscript.optimizer.folded_from'
const FX_NODE = 'pkg.torch.onnx.fx_node'
const CLASSES = 'pkg.torch.onnx.class_hierarchy'
const SCOPES = 'pkg.torch.onnx.name_scopes'
const RULES = 'pkg.onnxscript.rewriter.rule_name'

type Kind = 'PARAMETER' | 'BUFFER' | 'CONSTANT_TENSOR'

/** What PyTorch's default exporter (`torch.onnx.export(..., dynamo=True)`) wrote beside a graph. */
export interface Program {
  /** Kinds by name in the state_dict. */
  readonly targets: ReadonlyMap<string, Kind>
  /** Names in the state_dict by name in the traced program (`p_a_weight`). */
  readonly placeholders: ReadonlyMap<string, string>
  /** Initializers that the optimizer computed, and what it computed each from. */
  readonly folded: ReadonlyMap<string, readonly string[]>
  /** The call of the traced program that a node comes from, with its operands; by name of the node. */
  readonly calls: ReadonlyMap<string, string>
  readonly classes: ReadonlyMap<string, string>
  readonly rewrites: ReadonlyMap<string, string>
  /** Modules that a node lies in, from the outermost one, each by its whole name; last the call. By name of the node. */
  readonly scopes: ReadonlyMap<string, readonly string[]>
}

/** Lines such as `p_a_weight: PARAMETER target='a.weight'`. */
const LINE = /^(\S+): (PARAMETER|BUFFER|CONSTANT_TENSOR) target='([^']*)'/
const isKind = (text: string | undefined): text is Kind => text === 'PARAMETER' || text === 'BUFFER' || text === 'CONSTANT_TENSOR'

const pick = (from: Notes['nodes'], key: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  for (const [name, props] of from) {
    const text = props.get(key)
    if (text !== undefined) found.set(name, text)
  }
  return found
}
/** Names in a list as Python prints it. */
const listed = (text: string): readonly string[] => [...text.matchAll(/'([^']*)'/g)].map(([, name = '']) => name)
/** Names in the traced program that a call takes: `%p_a_weight`. */
export const operandsOf = (call: string): readonly string[] => [...call.matchAll(/%([\w.]+)/g)].slice(1).map(([, name = '']) => name)

/** Undefined for a file of another exporter. */
export const programOf = (notes: Notes): Program | undefined => {
  const signature = notes.graph.get(SIGNATURE)
  if (signature === undefined) return undefined
  const targets = new Map<string, Kind>()
  const placeholders = new Map<string, string>()
  for (const line of signature.split('\n')) {
    const [, placeholder = '', kind, target = ''] = LINE.exec(line.trim()) ?? []
    if (!isKind(kind)) continue
    targets.set(target, kind)
    placeholders.set(placeholder, target)
  }
  return {
    targets,
    placeholders,
    folded: new Map([...pick(notes.values, FOLDED)].map(([name, text]) => [name, listed(text)])),
    calls: pick(notes.nodes, FX_NODE),
    classes: pick(notes.nodes, CLASSES),
    rewrites: pick(notes.nodes, RULES),
    scopes: new Map([...pick(notes.nodes, SCOPES)].map(([name, text]) => [name, listed(text)])),
  }
}

/** Calls of the traced program that move elements, and do nothing else. */
const MOVING = /^(view|transpose|t|permute|slice|unsqueeze|squeeze|expand|reshape|select|clone|alias|contiguous|detach|flatten|numpy_T|_to_copy|lift_fresh_copy|split|getitem|chunk|cat|stack)(_\d+)?$/ // prettier-ignore
/** Results within the translation of one call. */
const INNER = /^val_\d+$/

/** What an initializer of such a file is. @param calls of the nodes that use it */
export const verdictOf = (program: Program, name: string, calls: readonly string[]): Verdict => {
  const kind = program.targets.get(name)
  const from = program.folded.get(name)
  if (kind === 'PARAMETER') return { kind: 'parameter', why: 'a parameter by the exporter' }
  if (kind === 'BUFFER') return { kind: 'buffer', why: 'a buffer by the exporter' }
  if (kind === 'CONSTANT_TENSOR' || from === undefined) return { kind: 'constant', why: 'a constant by the exporter' }
  const of = (wanted: Kind) => from.filter((origin) => program.targets.get(origin) === wanted)
  const [parameters, buffers] = [of('PARAMETER'), of('BUFFER')]
  const [first] = parameters
  if (first === undefined)
    return buffers.length > 0
      ? { kind: 'buffer', why: `computed by the exporter from the buffer ${buffers[0]}` }
      : { kind: 'constant', why: 'computed by the exporter from constants' }
  const why = `made by the exporter from ${parameters.join(', ')}`
  // Folded inside of one call (a transposed weight, the gates of an LSTM), it is the parameter with its elements moved.
  const taken = new Set(calls.flatMap(operandsOf).map((operand) => program.placeholders.get(operand)))
  const inside = parameters.every((target) => taken.has(target))
  const steps = [name, ...from.filter((origin) => !program.targets.has(origin))]
  const moved = parameters.length === 1 && steps.every((step) => MOVING.test(step) || INNER.test(step)) && steps.some((step) => MOVING.test(step)) // prettier-ignore
  if (buffers.length === 0 && (inside || moved)) return { kind: 'parameter', why }
  return {
    kind: 'parameter',
    why,
    doubt: `"${name}" is one tensor that the exporter computed from ${[...parameters, ...buffers].join(', ')}: it is trained itself, which is another training than that of ${parameters.join(' and ')}. Export with \`optimize=False\` or with active_storage_export.py`,
  }
}

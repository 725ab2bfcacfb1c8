import { operandsOf, type Program } from './program.ts'
import type { Signs } from './signs.ts'
import { AGAIN, some } from './text.ts'

const OPTIMIZER = 'Export with `optimize=False`, or with active_storage_export.py'

/** What PyTorch's default exporter has changed about a model, by what it wrote beside the graph. */
export const programDoubts = (
  { source: { graph }, declared }: Signs,
  program: Program,
  trained: ReadonlySet<string>,
): readonly string[] => {
  const { targets, placeholders, folded, calls, classes, rewrites } = program
  const origins = new Set([...folded].filter(([name]) => graph.initializers.has(name)).flatMap(([, from]) => from))
  const shared = new Set([...(declared?.tensors.values() ?? [])].flatMap((each) => each.shared ?? []))
  const there = (target: string) => graph.initializers.has(target) || origins.has(target) || shared.has(target)
  // Nodes by the weights that their calls take.
  const takers = new Map<string, string[]>()
  for (const { name } of graph.nodes)
    for (const operand of operandsOf(calls.get(name) ?? '')) {
      const target = placeholders.get(operand)
      if (target !== undefined) takers.set(target, [...(takers.get(target) ?? []), name])
    }
  const opOf = new Map(graph.nodes.map(({ name, op }) => [name, op]))
  const norm = (node: string) => /batch_norm|BatchNorm/.test(`${calls.get(node) ?? ''}`) || (rewrites.get(node) ?? '').includes('BatchNorm')
  const without = (node: string) => norm(node) && opOf.get(node) !== 'BatchNormalization'

  const gone = [...targets].filter(
    ([target, kind]) => kind !== 'CONSTANT_TENSOR' && !there(target) && !target.endsWith('num_batches_tracked'),
  )
  const foldedInto = gone.filter(([target]) => (takers.get(target) ?? []).some(without)).map(([target]) => target)
  const modules = [...new Set(foldedInto.map((target) => target.split('.').slice(0, -1).join('.')))]
  const others = gone.filter(([target]) => !foldedInto.includes(target))
  const merged = others.filter(([target]) => takers.has(target)).map(([target]) => target)
  const absent = others.filter(([target, kind]) => kind === 'PARAMETER' && !takers.has(target)).map(([target]) => target)
  const untied = [...folded].flatMap(([name, from]) =>
    trained.has(name) ? from.filter((origin) => trained.has(origin)).map((origin) => [origin, name] as const) : [],
  )
  const found: string[] = []
  if (modules.length > 0)
    found.push(`BatchNorm ${some(modules)} was folded into the weights before it: they are trained without a BatchNormalization, which is another training. To keep it, ${AGAIN}`) // prettier-ignore
  if (merged.length > 0)
    found.push(`${some(merged)} ${merged.length === 1 ? 'has' : 'have'} no tensor in the file: the exporter merged weights that were equal when the model was exported, or removed those that were all zeros or ones, so that they are trained as one, or not at all. ${OPTIMIZER}`) // prettier-ignore
  if (absent.length > 0)
    found.push(`the parameters ${some(absent)} are not in the file: each is tied to (shared with) another one, is not used, or was removed since it had no effect when the model was exported. Where that is not meant: ${OPTIMIZER}`) // prettier-ignore
  for (const [origin, name] of untied)
    found.push(`"${name}" was computed from "${origin}", which is there as well: weights that are tied (shared) in the framework are two tensors in the file, and are trained apart. ${OPTIMIZER}`) // prettier-ignore
  const instances = graph.nodes.filter(({ op, name }) => op === 'BatchNormalization' && /InstanceNorm/.test(classes.get(name) ?? '')).map(({ name }) => name) // prettier-ignore
  if (instances.length > 0)
    found.push(`the nodes ${some(instances)} are an InstanceNorm with running statistics (track_running_stats), exported for inference: in training, the framework normalizes each sample by its own statistics, and this file does not. Train it without track_running_stats`) // prettier-ignore
  const cut = [...new Set([...calls.values()].flatMap(operandsOf))].filter((operand) => /^detach(_\d+)?$/.test(operand))
  if (declared === undefined && cut.length > 0)
    found.push(`the traced program cuts off gradients at ${cut.length === 1 ? 'a place' : `${cut.length} places`} (detach), and the file has no node for that: gradients flow on, and train what is before it. Name what is trained with \`trainable\`, or export with active_storage_export.py, which names the module`) // prettier-ignore
  if (declared === undefined) {
    // In inference, a Dropout of the traced program is a `clone`, which then goes. One that a view takes makes elements contiguous.
    const all = [...calls.values()]
    const made = new Set(all.map((call) => /^%([\w.]+) :/.exec(call)?.[1]))
    const taken = new Set(all.filter((call) => !/target=torch\.ops\.aten\.(_unsafe_view|view|reshape)\b/.test(call)).flatMap(operandsOf))
    const clones = [...taken].filter((operand) => /^clone(_\d+)?$/.test(operand) && !made.has(operand))
    if (clones.length > 0)
      found.push(`${clones.length === 1 ? 'a copy' : `${clones.length} copies`} of the traced program left no node in the file, as a Dropout does that is exported for inference: where the model has Dropout, nothing is dropped in training. To keep it, ${AGAIN}`) // prettier-ignore
  }
  return found
}

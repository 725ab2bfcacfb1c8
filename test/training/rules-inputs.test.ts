import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isActiveStorageError } from '../../src/core/errors.ts'
import { GraphBuilder, type Value } from '../../src/graph/builder.ts'
import { builderOf } from '../../src/graph/rebuild.ts'
import { gradientGraph } from '../../src/training/gradient.ts'
import type { Rule } from '../../src/training/rules/rule.ts'
import { flat, flowsThrough, rules } from '../../src/training/rules/table.ts'
import { arbitrary, type Domain, Draw } from './gradcheck/case.ts'
import { cases } from './gradcheck/cases.ts'
import { check } from './gradcheck/check.ts'
import { floatInputs, inputAt, stillInputs } from './gradcheck/inputs.ts'
import { refusals } from './gradcheck/refusals.ts'

const SEED = 7
const CASES = 150
/** Those that cannot be moved a little: a size, and indices. */
const NOT_MOVED = ['OneHot indices', 'OneHot depth']

/** The sum of a value, which the gradient graph takes for its loss. */
const sumOf = (b: GraphBuilder, y: Value): Value => b.op('ReduceSum', [y], { keepdims: 0 }, { outputs: [b.fresh('sum')] })

test('every float input of every operator with a rule has a gradient in its cases, or is one that nothing moves with', () => {
  assert.deepEqual(Object.keys(floatInputs).toSorted(), Object.keys(rules).toSorted())
  for (const [op, rule] of Object.entries(rules)) {
    const kind = cases[op]
    assert.ok(kind !== undefined, op)
    const [flows, stands] = [new Set<string>(), new Set<string>()]
    const watched: Rule = (ctx) => {
      const made = rule(ctx)
      for (const [i, needed] of ctx.needs.entries()) if (needed && made[i] !== undefined) flows.add(inputAt(op, i))
      return made
    }
    for (const { graph, of } of fc.sample(arbitrary(kind), { numRuns: CASES, seed: SEED })) {
      const b = builderOf(graph)
      const terms = [...graph.outputs.keys()].map((name) => sumOf(b, b.value(name)))
      gradientGraph(b, { loss: b.op('Sum', terms).name, of, rules: { ...rules, [op]: watched } })
      for (const node of graph.nodes.filter((one) => one.op === op))
        for (const [i, name] of node.inputs.entries()) if (of.includes(name) && !flowsThrough(node, i)) stands.add(inputAt(op, i))
    }
    const isStill = (name: string): boolean => stillInputs[`${op} ${name}`] !== undefined
    const given = floatInputs[op]?.filter(Boolean) ?? []
    assert.deepEqual([...flows].toSorted(), given.filter((name) => !isStill(name)).toSorted(), `${op}: inputs with a gradient`)
    // That they do not move the result is checked by differences, where they can be moved.
    const movable = given.filter((name) => isStill(name) && !NOT_MOVED.includes(`${op} ${name}`))
    const also = op === 'BatchNormalization' ? ['input_mean', 'input_var'] : []
    assert.deepEqual([...stands].toSorted(), [...movable, ...also].toSorted(), `${op}: inputs without one`)
  }
})

for (const { op, what, add } of refusals) {
  test(`${op} refuses ${what}, naming the node`, () => {
    const refused = (error: unknown): boolean =>
      isActiveStorageError(error) && ['unsupported', 'invalid-argument'].includes(error.code) && error.message.includes('odd')
    assert.ok(rules[op] !== undefined)
    assert.throws(() => {
      const b = new GraphBuilder()
      const loss = sumOf(b, add(b))
      const of = [...b.build().inputs].filter(([, { dtype }]) => dtype === 'float32').map(([name]) => name)
      gradientGraph(b, { loss: loss.name, of })
    }, refused)
  })
}

test('a rule that leaves a gradient out which is needed is refused, and not taken for zero', () => {
  const b = new GraphBuilder()
  const [x, w] = [b.input('x', 'float32', [2]), b.input('w', 'float32', [2])]
  const loss = sumOf(b, b.op('Mul', [x, w], {}, { name: 'half' }))
  const half: Rule = (ctx) => (rules['Mul'] ?? (() => []))(ctx).slice(0, 1)
  const withHalf = { ...rules, Mul: half }
  assert.throws(() => gradientGraph(b, { loss: loss.name, of: ['x', 'w'], rules: withHalf }), (error) => isActiveStorageError(error, 'unsupported') && /node half \(Mul\).* input 1, "w"/.test(error.message)) // prettier-ignore
  assert.equal(gradientGraph(b, { loss: loss.name, of: ['x'], rules: withHalf }).size, 1)
})

const halves: Domain = { apart: [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2] }
const grid: Domain = { apart: [-2, -1, 0, 1, 2] }
const jumps: Readonly<Record<string, Domain>> = { Ceil: grid, EyeLike: 'any', Floor: grid, Round: halves, Sign: { apart: [0] } }
test('what no gradient flows through does not move, by differences', async () => {
  assert.deepEqual([...flat].toSorted(), Object.keys(jumps))
  for (const [op, domain] of Object.entries(jumps)) {
    const kase = fc.gen().map((gen) => {
      const draw = new Draw(gen)
      const x = draw.input([2, 3], domain)
      return draw.of(draw.op('Add', [draw.op('Mul', [x, x]), draw.op(op, [x])]))
    })
    for (const one of fc.sample(kase, { numRuns: 5, seed: SEED })) assert.deepEqual(await check(one, { ort: false }), [], op) // prettier-ignore
  }
})

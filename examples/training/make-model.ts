// Writes one of the example models, with its first weights, as an ONNX file:
//   node --import tsx examples/training/make-model.ts resnet-8 resnet-8.onnx
import { writeFileSync } from 'node:fs'
import { writeGraph } from '../../src/graph/write.ts'
import { mlp } from './models/mlp.ts'
import { resNet } from './models/resnet.ts'

const models = {
  'resnet-8': () => resNet({ depth: 8 }),
  'resnet-14': () => resNet({ depth: 14 }),
  'resnet-18': () => resNet({ depth: 18 }),
  mlp: () => mlp({ features: 3072, outputs: 10 }),
}
const isName = (name: string): name is keyof typeof models => Object.hasOwn(models, name)

const [name = '', path = ''] = process.argv.slice(2)
if (!isName(name) || path === '') {
  process.stderr.write(`usage: node --import tsx examples/training/make-model.ts ${Object.keys(models).join('|')} FILE\n`)
  process.exitCode = 2
} else {
  writeFileSync(path, writeGraph({ graph: models[name]() }))
  process.stdout.write(`${path}\n`)
}

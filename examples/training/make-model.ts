// Writes one of the example models, with its first weights, as an ONNX file:
//   node --import tsx examples/training/make-model.ts resnet-8 resnet-8.onnx
import { writeFileSync } from 'node:fs'
import { writeGraph } from '../../src/graph/write.ts'
import { isModel, models } from './models/named.ts'

const [name = '', path = ''] = process.argv.slice(2)
if (!isModel(name) || path === '') {
  process.stderr.write(`usage: node --import tsx examples/training/make-model.ts ${Object.keys(models).join('|')} FILE\n`)
  process.exitCode = 2
} else {
  writeFileSync(path, writeGraph({ graph: models[name]() }))
  process.stdout.write(`${path}\n`)
}

// Writes a small classifier of four numbers, which the package check trains: node --import tsx make-model.ts FILE
import { writeFileSync } from 'node:fs'
import { mlp } from '../../examples/training/models/mlp.ts'
import { writeGraph } from '../../src/graph/write.ts'

const [file = 'model.onnx'] = process.argv.slice(2)
writeFileSync(file, writeGraph({ graph: mlp({ features: 4, hidden: [8], outputs: 2 }) }))

const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { connect, defineObject, Tensor } = require('active-storage')
const manifest = require('active-storage/package.json')

process.on('warning', (warning) => assert.fail(warning))
const numbers = defineObject({ name: 'numbers', methods: {}, movable: { double: async (_self, x) => 2 * x } })

const main = async () => {
  const client = await connect({ objects: [numbers] })
  assert.equal(await client.object(numbers, 'some').double(21), 42)
  assert.deepEqual(new Tensor('float32', new Float32Array(2), [2]).shape, [2])
  assert.match(readFileSync(require.resolve('active-storage/proto/active_storage/v1/active_storage.proto'), 'utf8'), /service StorageNode/)
  assert.match(manifest.version, /^\d/)
  await client.close()
  console.log('ok')
}
void main()

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/sdk/connect.ts'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { countingObject } from '../support/counting-object.ts'

const counter = countingObject('counter')

type Given = NonNullable<Parameters<typeof connect>[0]>
// What JavaScript lets through.
const given = (options: unknown): Given => options as Given

test('an option that is not known is refused at every level, with the nearest name', async () => {
  const wrong: [options: unknown, message: RegExp][] = [
    [{ nodes: 'edge:7070' }, /connect: there is no option "nodes"; did you mean `node`\?/],
    [{ onwarning: () => undefined }, /did you mean `onWarning`\?/],
    [{ timeout: 5 }, /there is no option "timeout"/],
    [{ policy: { yml: 'version: 1' } }, /connect: policy: there is no option "yml"; did you mean `yaml`\?/],
    [{ policy: {} }, /policy has no yaml/],
    [{ sites: { edge: { role: 'node', adress: 'edge:7070' } } }, /sites\["edge"\]: there is no option "adress"; did you mean `address`\?/],
    [{ sites: { edge: { address: 'edge:7070' } } }, /sites\["edge"\]: role is missing/],
    [{ sites: { edge: { role: 'nod', address: 'edge:7070' } } }, /role is "nod", and must be "node" or "cloud"/],
    [{ sites: { edge: { role: 'node' } } }, /give an address, .* or a host/],
    [{ sites: { edge: 'edge:7070' } }, /sites\["edge"\] is "edge:7070", and must be \{ role, address \}/],
    [{ sites: ['edge:7070'] }, /sites is a list, and must be an object of sites by name/],
  ]
  for (const [options, message] of wrong) await assert.rejects(connect(given(options)), { code: 'invalid-argument', message })
})

test('a value of the wrong type is refused by name, before anything is asked of a node', async () => {
  const wrong: [options: unknown, message: RegExp][] = [
    ['edge:7070', /connect: it takes an object of options.* was given "edge:7070"/],
    [{ node: 7070 }, /node is 7070, and must be a text/],
    [{ node: 'edge' }, /"edge" is not an address.*edge:7070/],
    [{ node: 'http://edge:7070' }, /leave the scheme out/],
    [{ sites: { edge: { role: 'node', address: 'edge' } } }, /"edge" is not an address/],
    [{ policy: 5 }, /policy is 5, and must be the path/],
    [{ threads: '2' }, /threads is "2", and must be a whole number from 1 to 256/],
    [{ threads: 0 }, /threads is 0/],
    [{ cacheBytes: -1 }, /cacheBytes is -1/],
    [{ timeoutMs: Number.NaN }, /timeoutMs is NaN, and must be a number of milliseconds above 0/],
    [{ objects: counter }, /objects is an object, and must be a list/],
    [{ objects: [{}] }, /objects is a list, and must be a list of what defineObject returns/],
    [{ onWarning: true }, /onWarning is true, and must be a function/],
    [{ inMemory: 'yes' }, /inMemory is "yes", and must be true or false/],
  ]
  for (const [options, message] of wrong) await assert.rejects(connect(given(options)), { code: 'invalid-argument', message })
  // Left out, as an option that is undefined.
  await (await connect(given({ node: undefined, inMemory: undefined }))).close()
})

test('without a node, the first object that is changed gives one warning that names the remedy', async () => {
  const warnings: string[] = []
  const client = await connect({ objects: [counter], onWarning: (message) => warnings.push(message) })
  const one = client.object(counter, 'one')
  assert.equal(warnings.length, 0)
  await one.add()
  await one.add()
  await client.object(dataset, 'set').put([{ id: 'a', bytes: new Uint8Array(1) }])
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /counter\/one is in the memory of this process only.*active-storage node --data DIR.*inMemory: true/)
  await client.close()

  const meant = await connect({ objects: [counter], inMemory: true, onWarning: (message) => warnings.push(message) })
  await meant.object(counter, 'one').add()
  await meant.close()
  assert.equal(warnings.length, 1)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { dataset } from '../../src/objects/dataset/dataset.ts'
import { failing } from '../contracts/transport.ts'
import { runNodeProcess, startNodeProcess } from './node-process.ts'
import { slow } from './slow-object.ts'
import { linkTo, remote, temporaryFolder } from './support.ts'

const slowModule = fileURLToPath(new URL('./slow-object.ts', import.meta.url))

test('what was acknowledged is there after kill -9, and the folder is free at once', async (t) => {
  const data = temporaryFolder(t)
  const first = await startNodeProcess(t, ['--data', data])
  const put = remote(linkTo(t, first.address), dataset, 'photos').put
  const acknowledged: string[] = []
  const write = async (index: number) => {
    await put([{ id: `s${index}`, bytes: Buffer.from(`bytes of ${index}`), label: index }])
    acknowledged.push(`s${index}`)
  }
  for (let index = 0; index < 50; index += 5) await Promise.all([0, 1, 2, 3, 4].map((more) => write(index + more)))
  // More are under way when it dies: these may be there or not.
  const lost = Promise.allSettled(Array.from({ length: 10 }, (_, index) => put([{ id: `late${index}`, bytes: Buffer.from('late') }])))
  first.child.kill('SIGKILL')
  assert.equal(await first.ended, 'SIGKILL')
  await lost

  const second = await startNodeProcess(t, ['--data', data])
  const photos = remote(linkTo(t, second.address), dataset, 'photos')
  assert.equal(acknowledged.length, 50)
  const there = new Set((await photos.list({})).map(({ id }) => id))
  assert.deepEqual(
    acknowledged.filter((id) => !there.has(id)),
    [],
  )
  for (const id of acknowledged) assert.equal(Buffer.from(await photos.read(id)).toString(), `bytes of ${id.slice(1)}`)
  assert.equal(await photos.count(), there.size)
  for (const id of there) assert.ok((await photos.read(id)).byteLength > 0)
})

test('a second node on the same folder is refused with exit code 7 and a remedy', async (t) => {
  const data = temporaryFolder(t)
  const first = await startNodeProcess(t, ['--data', data])
  const { code, stderr } = await runNodeProcess(t, ['--data', data])
  assert.equal(code, 7)
  assert.match(stderr, /"code":"folder-in-use"/)
  assert.match(stderr, new RegExp(`process ${first.child.pid}.*another --data folder`))
})

test('SIGTERM lets a call under way finish, takes no more, and ends with exit code 0', async (t) => {
  const node = await startNodeProcess(t, ['--data', temporaryFolder(t), '--objects', slowModule])
  const work = remote(linkTo(t, node.address), slow).work(400)[Symbol.asyncIterator]()
  assert.equal((await work.next()).value, 'begun')
  node.child.kill('SIGTERM')
  assert.equal((await work.next()).value, 'finished')
  assert.equal((await work.next()).done, true)
  assert.equal(await node.ended, 0)
  await failing(remote(linkTo(t, node.address), dataset, 'x').count(), 'unavailable')
})

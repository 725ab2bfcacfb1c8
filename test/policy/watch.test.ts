import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type ActiveStorageError, isActiveStorageError } from '../../src/core/errors.ts'
import { watchPolicy } from '../../src/policy/watch.ts'

/** A watched policy file in a folder of its own, and the warnings as they come. */
const watched = async (t: TestContext, text: string) => {
  const folder = await mkdtemp(join(tmpdir(), 'policy-'))
  const path = join(folder, 'policy.yaml')
  await writeFile(path, text)
  const warnings: ActiveStorageError[] = []
  let waiting: ((error: ActiveStorageError) => void)[] = []
  const policy = watchPolicy(path, {
    settleMs: 20,
    onWarning: (error) => {
      warnings.push(error)
      for (const tell of waiting) tell(error)
      waiting = []
    },
  })
  // An event may come from a watch that does not hold the process: this does, until the test ends.
  const alive = setInterval(() => undefined, 1000)
  t.after(async () => {
    clearInterval(alive)
    policy.close()
    await rm(folder, { recursive: true })
  })
  return { path, policy, warnings, warning: () => new Promise<ActiveStorageError>((tell) => waiting.push(tell)) }
}

/** Replaces the file in one step, so that nobody reads half of it. */
const replace = async (path: string, text: string) => {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

test('a changed file is taken over', async (t) => {
  const { path, policy } = await watched(t, 'version: 1\nstrategy: local')
  assert.equal(policy.current().strategy, 'local')
  const changed = policy.changed()
  await writeFile(path, 'version: 1\nstrategy: node')
  assert.equal((await changed).strategy, 'node')
  assert.equal(policy.current().strategy, 'node')
})

test('a file that is replaced by renaming another over it is taken over, again and again', async (t) => {
  const { path, policy } = await watched(t, 'version: 1\nstrategy: local')
  for (const strategy of ['node', 'cloud', 'threshold']) {
    const changed = policy.changed()
    await replace(path, `version: 1\nstrategy: ${strategy}`)
    assert.equal((await changed).strategy, strategy)
  }
})

test('a change behind a link is taken over, and one by a folder that is replaced', async (t) => {
  const base = await mkdtemp(join(tmpdir(), 'policy-'))
  const [target, linked, folder, other] = ['target', 'linked', 'folder', 'other'].map((name) => join(base, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const path of [target, linked, folder, other]) await mkdir(path)
  await writeFile(join(target, 'policy.yaml'), 'version: 1\nstrategy: local')
  await symlink(join(target, 'policy.yaml'), join(linked, 'policy.yaml'))
  await writeFile(join(folder, 'policy.yaml'), 'version: 1\nstrategy: local')
  await writeFile(join(other, 'policy.yaml'), 'version: 1\nstrategy: cloud')
  const policies = [linked, folder].map((path) =>
    watchPolicy(join(path, 'policy.yaml'), { settleMs: 20, onWarning: (error) => assert.fail(error.message) }),
  )
  const alive = setInterval(() => undefined, 1000)
  t.after(async () => {
    clearInterval(alive)
    for (const policy of policies) policy.close()
    await rm(base, { recursive: true })
  })
  const changed = policies.map((policy) => policy.changed())
  await writeFile(join(target, 'policy.yaml'), 'version: 1\nstrategy: cloud')
  // The file is there at every moment: one that is gone for a moment is a warning.
  await rename(folder, `${folder}-old`).then(() => rename(other, folder))
  assert.deepEqual(
    (await Promise.all(changed)).map(({ strategy }) => strategy),
    ['cloud', 'cloud'],
  )
})

test('a bad edit keeps the last good policy and is reported once, with its place', async (t) => {
  const { path, policy, warnings, warning } = await watched(t, 'version: 1\nstrategy: cloud')
  const told = warning()
  await replace(path, 'version: 1\nstrategy: clowd')
  const error = await told
  assert.ok(isActiveStorageError(error, 'invalid-policy'))
  assert.equal(
    error.text.slice(path.length),
    ':2:11: "clowd" is not one of local, node, cloud, threshold, cost-model; did you mean `cloud`?',
  )
  assert.equal(policy.current().strategy, 'cloud')
  const changed = policy.changed()
  await replace(path, 'version: 1\nstrategy: node')
  assert.equal((await changed).strategy, 'node')
  assert.equal(warnings.length, 1)
})

test('a file that is gone is reported once, and read again when it is back', async (t) => {
  const { path, policy, warnings, warning } = await watched(t, 'version: 1\nstrategy: node')
  const told = warning()
  await unlink(path)
  assert.match((await told).text, /there is no such file or folder/)
  assert.equal(policy.current().strategy, 'node')
  const changed = policy.changed()
  await replace(path, 'version: 1\nstrategy: node')
  assert.equal((await changed).strategy, 'node')
  assert.equal(warnings.length, 1)
})

test('a first reading that fails is an error, since there is no last good policy', async () => {
  const refuse = (path: string) => () => watchPolicy(path, { onWarning: () => undefined })
  assert.throws(refuse(join(tmpdir(), 'no-such-policy.yaml')), (error) => isActiveStorageError(error, 'invalid-policy'))
})

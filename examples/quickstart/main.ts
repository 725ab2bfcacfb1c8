// The quick start: the same wrapped loader under five strategies, over real photos and a real detector, on real nodes.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createShaper, startLink } from '../../benchmarks/support/link.ts'
import { median, ratioOf } from '../../benchmarks/support/statistics.ts'
import { connect, dataset, model, site, withCall } from '../../src/index.ts'
import { table } from '../../src/commands/output.ts'
import { blazeFace, earth, knownFaces, people, textDirection } from './material.ts'
import { answerTo } from './options.ts'
import { type Runner, startNode, startRunner } from './processes.ts'
import type { EpochResult } from './runner.ts'

const WARM_EPOCHS = 7
const strategies = ['local', 'node', 'cloud', 'threshold', 'cost-model'] as const
type Strategy = (typeof strategies)[number]
// The photos to move are over this, so that the threshold fires.
const policyOf = (strategy: Strategy) => `version: 1\nstrategy: ${strategy}\nthreshold: { offloadAboveBytes: 256KiB }\n`

const say = (text: string) => void process.stdout.write(`${text}\n`)
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(2)

const closers: (() => Promise<unknown>)[] = []
let closing: Promise<void> | undefined
const closeAll = () =>
  (closing ??= (async () => {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(String(error)))
  })())
process.once('SIGINT', () => void closeAll().then(() => process.exit(130)))

const run = async (): Promise<boolean> => {
  const began = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'active-storage-quickstart-'))
  closers.push(() => rm(folder, { recursive: true, force: true }))

  say('Starting a storage node near the data (1 ms, 1 Gbit/s away) and a cloud node (40 ms, 50 Mbit/s away) ...')
  const near = await startNode([
    '--data',
    join(folder, 'edge'),
    '--name',
    'edge',
    '--tier',
    'edge',
    '--adopt',
    people.folder,
    '--adopt',
    earth.folder,
  ])
  closers.push(near.stop)
  const far = createShaper({ rttMs: 40, bitsPerSecond: 50e6 })
  const nearLink = await startLink({ shaper: createShaper({ rttMs: 1, bitsPerSecond: 1e9 }), to: near.address })
  // What the cloud fetches from the near node passes the same shaper as what the client sends it.
  const cloudToNear = await startLink({ shaper: far, to: near.address })
  const cloud = await startNode([
    '--data',
    join(folder, 'cloud'),
    '--name',
    'cloud',
    '--tier',
    'cloud',
    '--peer',
    `edge=${cloudToNear.address}`,
  ])
  closers.push(cloud.stop)
  const cloudLink = await startLink({ shaper: far, to: cloud.address })
  closers.push(
    () => nearLink.close(),
    () => cloudToNear.close(),
    () => cloudLink.close(),
  )

  const admin = await connect({ node: near.address, cloud: cloud.address })
  closers.push(() => admin.close())
  await admin.object(dataset, 'people').adopt(people.folder, { include: people.include })
  const mixed = admin.object(dataset, 'mixed')
  await mixed.adopt(people.folder, { include: people.include })
  const held = await mixed.adopt(earth.folder, { include: earth.include })
  const detector = await admin.object(model, 'faces').put(await readFile(blazeFace))
  const direction = await admin.object(model, 'text-direction').put(await readFile(textDirection))
  say(
    `The near node holds ${held.count} photos (${megabytes(held.bytes)} MB, adopted in place) and two models: faces (${detector.mode === 'loop' ? 'one picture a run' : 'batches'}) and text-direction (${direction.mode === 'loop' ? 'one picture a run' : 'batches'}).`,
  )

  const forget = async (runner: Runner) => {
    for (const place of ['edge', 'cloud']) await withCall(admin.object(site, 'main'), { place }).dropCaches()
    await runner.dropCaches()
  }
  const wire = () => ({ near: total(nearLink.stats()), cloud: total(cloudLink.stats()), fetch: total(cloudToNear.stats()) })
  const runners = new Map<Strategy, Runner>()
  const cold = new Map<Strategy, { result: EpochResult; near: number; cloud: number; fetch: number }>()
  const warm = new Map<Strategy, { result: EpochResult; near: number; cloud: number; fetch: number }[]>(
    strategies.map((strategy) => [strategy, []]),
  )

  say('Warming up: caches empty before each strategy, one epoch each ...')
  for (const strategy of strategies) {
    const runner = await startRunner(nearLink.address, cloudLink.address, policyOf(strategy))
    closers.push(() => runner.stop())
    runners.set(strategy, runner)
    await forget(runner)
    cold.set(strategy, await measured(runner, 0, wire))
  }
  // Emptying the nodes' caches for one strategy emptied them for those before it: one more epoch each, not counted.
  for (const strategy of strategies) await runners.get(strategy)!.epoch(0)
  for (let epoch = 1; epoch <= WARM_EPOCHS; epoch++) {
    say(`Epoch ${epoch} of ${WARM_EPOCHS}, under each strategy in turn ...`)
    const order = strategies.map((_, index) => strategies[(index + epoch) % strategies.length]!)
    for (const strategy of order) warm.get(strategy)!.push(await measured(runners.get(strategy)!, epoch, wire))
  }

  const hashesOf = (strategy: Strategy) =>
    [cold.get(strategy)!.result.hash, ...warm.get(strategy)!.map(({ result }) => result.hash)].join(' ')
  const identical = strategies.every((strategy) => hashesOf(strategy) === hashesOf('local'))
  const answers = strategies.map((strategy) => warm.get(strategy)!.at(-1)!.result.faces.join(','))
  const right = strategies.every((_, index) => answers[index] === knownFaces.join(','))

  say('')
  say(
    table([
      [
        'strategy',
        'items/s warm',
        'cold',
        'MB near link',
        'MB cloud link',
        'MB cloud<-near',
        'peak RSS MB',
        'faces',
        'ran on (last epoch)',
      ],
      ...strategies.map((strategy, index) => {
        const runs = warm.get(strategy)!
        const first = cold.get(strategy)!
        const last = runs.at(-1)!.result
        const rate = median(runs.map(({ result }) => (result.items / result.ms) * 1000))
        const mean = (pick: (each: (typeof runs)[number]) => number) => megabytes(median(runs.map(pick)))
        return [
          strategy,
          rate.toFixed(1),
          ((first.result.items / first.result.ms) * 1000).toFixed(1),
          `${mean((each) => each.near)} (${megabytes(first.near)})`,
          `${mean((each) => each.cloud)} (${megabytes(first.cloud)})`,
          `${mean((each) => each.fetch)} (${megabytes(first.fetch)})`,
          (last.peakRssBytes / 1e6).toFixed(0),
          answers[index]!,
          Object.entries(last.places)
            .map(([place, count]) => `${place} ${count}`)
            .join(', '),
        ]
      }),
    ]),
  )
  say('Rates are medians of the warm epochs; bytes are those of a warm epoch (of the cold one in brackets), as the links carried them.')
  const times = (strategy: Strategy) => warm.get(strategy)!.map(({ result }) => result.ms)
  const fixed = (['local', 'node', 'cloud'] as const).toSorted((a, b) => median(times(a)) - median(times(b)))[0]!
  const baseline = times(fixed)
  const against = ratioOf(times('cost-model').map((ours, round) => ({ ours, baseline: baseline[round]! })))
  say(
    `cost-model takes ${against.figure.toFixed(3)} x the time of the best fixed placement, ${fixed} (95 % ${against.low.toFixed(3)}..${against.high.toFixed(3)}; goal <= 1.10)`,
  )
  say(
    `answers: ${right ? `as known, ${knownFaces.reduce((sum, count) => sum + count, 0)} faces in ${knownFaces.length} photos` : `NOT as known (${knownFaces.join(',')})`}`,
  )
  say(`identical: ${identical ? 'yes' : 'NO'}`)
  say(
    `(${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}; ${((performance.now() - began) / 1000).toFixed(0)} s)`,
  )
  return identical && right
}

const total = ({ bytesUp, bytesDown }: { bytesUp: number; bytesDown: number }) => bytesUp + bytesDown

const measured = async (runner: Runner, epoch: number, wire: () => { near: number; cloud: number; fetch: number }) => {
  const before = wire()
  const result = await runner.epoch(epoch)
  const after = wire()
  return { result, near: after.near - before.near, cloud: after.cloud - before.cloud, fetch: after.fetch - before.fetch }
}

const answer = answerTo(process.argv.slice(2))
try {
  if (answer === undefined) process.exitCode = (await run()) ? 0 : 1
  else {
    process.stdout.write(answer.text)
    process.exitCode = answer.code
  }
} finally {
  await closeAll()
}

// Kills nodes while they train, and compares what comes of it with a training that nobody disturbed.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { isActiveStorageError } from '../../../src/core/errors.ts'
import { opDraws } from '../../../src/core/random.ts'
import { trainer } from '../../../src/objects/trainer/trainer.ts'
import { startNodeProcess } from '../../storage-node/node-process.ts'
import { linkTo, remote, temporaryFolder } from '../../storage-node/support.ts'
import { network, plan, putPoints, spec } from './material.ts'

const WIDTH = 384
const EPOCHS = 12
const training = plan({ epochs: EPOCHS, checkpointEvery: 7 })
const none = { kills: 0, resumed: 0 }

/** Trains on one data folder, with so many ends of the node at random instants between. */
export const trainUnderKills = async (t: TestContext, kills: number, seed: number) => {
  const data = temporaryFolder(t)
  const draws = opDraws(seed, 0, 'kills', 0)
  const seen = { ...none }
  let begun = false
  for (;;) {
    const { address, child, ended } = await startNodeProcess(t, ['--data', data, '--threads', '1'])
    const link = linkTo(t, address)
    const main = remote(link, trainer, 'main', { timeoutMs: 600_000 })
    if (!begun) {
      await putPoints(link)
      await main.put(network({ width: WIDTH }), spec)
    }
    const left = kills - seen.kills
    // After a report, or within the first checkpoints, or while it starts.
    const reports = draws.below(3)
    const delay = draws.below(120)
    let heard = 0
    let timer: NodeJS.Timeout | undefined
    const arm = () => {
      if (left > 0 && timer === undefined && heard >= reports) timer = setTimeout(() => child.kill('SIGKILL'), delay)
    }
    try {
      const run = begun ? await main.resume() : await main.fit(training)
      begun = true
      arm()
      for await (const report of main.run(run)) {
        assert.ok(Number.isFinite(report.loss))
        heard++
        arm()
      }
      clearTimeout(timer)
      const result = { curve: await main.curve(), file: await main.export(), ...seen }
      child.kill('SIGTERM')
      await ended
      await link.close()
      return result
    } catch (error) {
      assert.ok(isActiveStorageError(error, 'unavailable'), String(error))
      assert.equal(await ended, 'SIGKILL')
      await link.close()
      seen.kills++
      if (heard > 0) seen.resumed++
    }
  }
}

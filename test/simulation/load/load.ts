import { askAgain, askOtherwise, change, changeEach, type Keyed } from './changes.ts'
import { follow, readAll, readPictures } from './readers.ts'
import { callOf, codeOf, count, type Hand, isAmbiguous, pause, type Target } from './world.ts'

/** Texts of pictures that several logs may refer to, so that content is shared, released, and put again. */
export const SHARED_TEXTS = ['one', 'two', 'three'] as const
export const adoptedPath = (text: string) => `/adopt/${text}.txt`

/** Files of the machines that hold such a text may be adopted. */
const drawText = ({ draws }: Hand, entry: string) => (draws.chance(0.6) ? draws.pick(SHARED_TEXTS) : entry)

/** What one caller does until the load is over: one call after the other, now and then some at once. */
export const callLogs = async (hand: Hand, keyed: Keyed[], eagerness: number): Promise<void> => {
  const { world, draws } = hand
  const others = (entry: string, outerKeyed: boolean) =>
    Array.from({ length: 1 + draws.below(2) }, (_, index) => {
      const other = draws.pick(world.targets)
      const { name, home } = other
      const inner = `${entry}/${index}`
      // A call that may be repeated as a whole gives the calls within it keys.
      const innerKeyed = outerKeyed || draws.chance(0.3)
      world.model.begun(inner, { keyed: innerKeyed, durable: true, ambiguous: isAmbiguous(world, other) })
      return { name, at: home, entry: inner, ...(innerKeyed && { key: inner }) }
    })
  const step = async (target: Target): Promise<void> => {
    const isKeyed = draws.chance(0.5)
    const settings = { keyed: isKeyed }
    const kind = draws.below(100)
    let made: Keyed | undefined
    if (kind < 22) made = await change(hand, target, 'add', (entry) => [entry], settings)
    else if (kind < 27) made = await change(hand, target, 'addSlowly', (entry) => [entry, draws.between(1, 400)], settings)
    else if (kind < 30) await change(hand, target, 'addAndFail', (entry) => [entry], { keyed: false })
    else if (kind < 34) await change(hand, target, 'add', (entry) => [entry], { ...settings, durable: false })
    else if (kind < 38) made = await change(hand, target, 'fill', (entry) => [entry, draws.pick([0, 100, 70_000])], settings)
    else if (kind < 46)
      made = await change(
        hand,
        target,
        'attach',
        (entry) => [entry, drawText(hand, entry), draws.pick([[entry], [entry, `${entry}b`]])],
        settings,
      )
    else if (kind < 52) {
      const text = draws.pick(SHARED_TEXTS)
      made = await change(hand, target, 'adopt', (entry) => [entry, adoptedPath(text), text], settings)
    } else if (kind < 56) made = await change(hand, target, 'detach', (entry) => [entry], settings)
    else if (kind < 64)
      made = await change(hand, target, 'addWith', (entry) => [entry, others(entry, isKeyed)], {
        ...settings,
        budgetMs: draws.between(2000, 8000),
      })
    else if (kind < 68) await changeEach(hand, target)
    else if (kind < 82) await readAll(hand, target)
    else if (kind < 85) await follow(hand, target)
    else if (kind < 92) await readPictures(hand, target)
    else if (keyed.length > 0) {
      if (draws.chance(0.4)) await askOtherwise(hand, draws.pick(keyed))
      else await askAgain(hand, draws.pick(keyed))
    }
    if (made !== undefined && isKeyed) keyed.push(made)
  }
  while (!world.over) {
    const target = draws.pick(world.targets)
    if (draws.chance(0.08)) await Promise.all(Array.from({ length: 2 + draws.below(5) }, () => step(draws.pick(world.targets))))
    else await step(target)
    await pause(hand, draws.between(0, 400) / eagerness)
  }
}

/** Moves logs between sites until the load is over; those of one name now and then at once. */
export const moveLogs = async (hand: Hand, sites: readonly string[], everyMs: number): Promise<void> => {
  const { world, caller, draws } = hand
  const move = async (target: Target, to: string): Promise<void> => {
    const options = { budgetMs: draws.between(500, 15_000), idempotencyKey: `$${caller.newCallId()}` }
    try {
      await caller.from(target.home).call(callOf(caller, ['log', target.name, '$move'], 'stateful', [to], options))
      count(world, 'move done')
    } catch (error) {
      // Refused, since another move of the name is under way, or has taken the place of this one.
      codeOf(world, `log/${target.name}.$move to ${to} at ${target.home}`, error, ['already-exists', 'not-found'])
    }
  }
  while (!world.over) {
    await pause(hand, draws.between(0, 2 * everyMs))
    if (world.over) return
    const target = draws.pick(world.targets)
    // Where they do not roam, logs of one name meet at the last site alone: no name at a site comes to mean another log.
    const to = target.twin && !world.roaming ? sites.at(-1)! : draws.pick(sites)
    const twin = world.targets.find(({ name, home }) => name === target.name && home !== target.home)
    if (twin === undefined || draws.chance(0.4)) await move(target, to)
    else await Promise.all([move(target, to), pause(hand, draws.pick([0, 20, 100, 500, 2000]) * draws.next()).then(() => move(twin, to))])
  }
}

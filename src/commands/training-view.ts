import type { ParallelProgress } from '../objects/parallel/progress.ts'
import type { Progress } from '../objects/trainer/job.ts'
import type { Parsed } from './command.ts'
import { wholeEpoch } from './epoch.ts'
import { print, progress } from './output.ts'

const WIDTH = 24
const duration = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  return seconds < 90 ? `${seconds} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
const percent = (share: number | undefined): string => (share === undefined ? '' : `, accuracy ${(share * 100).toFixed(1)} %`)
const bar = ({ step, steps, loss, accuracy, samplesPerSecond, etaMs }: Progress): string => {
  const full = Math.round((step / Math.max(1, steps)) * WIDTH)
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}] ${step}/${steps}, loss ${loss.toFixed(4)}${percent(accuracy)}, ${samplesPerSecond.toFixed(0)} samples/s, ${duration(etaMs)} left`
}
const missing = (report: Progress | ParallelProgress): string => {
  if (!('members' in report)) return ''
  const away = report.members.filter(({ state }) => state !== 'here').map(({ name, state, error }) => `${name} is ${state}${error === undefined ? '' : ` (${error})`}`) // prettier-ignore
  return `${report.missed > 0 ? `; ${report.missed} samples missed` : ''}${away.length > 0 ? `; ${away.join(', ')}` : ''}`
}
const line = (report: Progress | ParallelProgress): string => `${epochOf(report)}${missing(report)}`
const epochOf = ({ epoch, epochs, loss, accuracy, validation, samplesPerSecond }: Progress): string =>
  `epoch ${epoch + 1}/${epochs}: loss ${loss.toFixed(4)}${percent(accuracy)}${validation === undefined ? '' : `; validation: loss ${validation.loss.toFixed(4)}${percent(validation.accuracy)}`}; ${samplesPerSecond.toFixed(0)} samples/s`

/** Shows how far a training has come, until it ends. */
export const follow = async (asked: AsyncIterable<Progress | ParallelProgress>, args: Parsed): Promise<void> => {
  const shown = progress('training')
  const interrupted = () => {
    shown.done()
    // What is placed may be in this process, and ends with it.
    const next = args.text('place') === undefined ? `; active-storage train ${args.positionals[0]} --resume goes on from the last checkpoint` : '' // prettier-ignore
    process.stderr.write(`active-storage train: interrupted${next}\n`)
    process.exit(130)
  }
  process.once('SIGINT', interrupted)
  let reports: (Progress | ParallelProgress)[] = []
  try {
    for await (const report of asked) {
      const whole = wholeEpoch(reports)
      if (whole !== undefined && report.epoch !== whole.epoch) {
        if (!args.flag('json')) print(line(whole))
        reports = []
      }
      if (args.flag('json')) print(JSON.stringify(report))
      shown.update(bar(report))
      reports.push(report)
    }
  } finally {
    process.off('SIGINT', interrupted)
    shown.done()
  }
  const whole = wholeEpoch(reports)
  if (whole !== undefined && !args.flag('json')) print(`${line(whole)}; ${whole.status}`)
}

import type { Progress } from '../objects/trainer/job.ts'

/** The reports of one epoch as one: means over all of its steps, where each report has those since the one before. */
export const wholeEpoch = <Report extends Progress>(reports: readonly Report[]): Report | undefined => {
  const last = reports.at(-1)
  if (last === undefined) return undefined
  const losses = reports.flatMap((report) => report.losses)
  const steps = (of: (report: Progress) => number) => reports.reduce((sum, report) => sum + report.losses.length * of(report), 0)
  const known = Math.max(1, losses.length)
  // A report without a step has no rate; batches are alike in size but for the last one.
  const time = steps(({ samplesPerSecond }) => (samplesPerSecond > 0 ? 1 / samplesPerSecond : 0))
  return {
    ...last,
    losses,
    loss: losses.length === 0 ? last.loss : losses.reduce((sum, loss) => sum + loss, 0) / known,
    ...(reports.some(({ accuracy }) => accuracy !== undefined) && { accuracy: steps(({ accuracy = 0 }) => accuracy) / known }),
    ...(time > 0 && { samplesPerSecond: losses.length / time }),
  }
}

import type { CrashReport } from './crash-run.ts'
import { findingKinds } from './workload.ts'

/** Findings of one kind that are printed with their history. */
const PRINTED = 3

export const countsOf = ({ findings }: CrashReport): Readonly<Record<string, number>> =>
  Object.fromEntries(findingKinds.map((kind) => [kind, findings.filter((found) => found.kind === kind).length]))

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

/** What a run came to, in some lines. */
export const summaryOf = (report: CrashReport): string => {
  const { seed, mutant, kills, faults, backups, tally, byWorkload, restartMs, seconds } = report
  const always = new Set(['lost', 'stale', 'torn', 'doubled', 'not-linearizable'])
  const each = Object.entries(kills).map(([when, count]) => `${count} ${when}`)
  const workloads = Object.entries(byWorkload).map(([name, { objects }]) => `${objects} ${name}`)
  const found = Object.entries(countsOf(report)).filter(([kind, count]) => count > 0 || always.has(kind))
  const befell = Object.entries(faults).filter(([, count]) => count > 0)
  const done = Object.values(byWorkload).flatMap(({ counts = {} }) => Object.entries(counts))
  return [
    `kills        ${sum(Object.values(kills))} (${each.join(', ')}), seed ${seed}${mutant === undefined ? '' : `, mutant ${mutant}`}, ${seconds} s`,
    ...(befell.length === 0
      ? []
      : [
          `faults       ${befell.map(([kind, count]) => `${count} ${kind}`).join(', ')}; ${backups.restored} backups restored, ${backups.killed} restores killed`,
        ]),
    `calls        ${tally.calls}: ${tally.acknowledged} acknowledged, ${tally.failed} failed, ${tally.unknown} unknown at first, ${tally.retried} retried, ${tally.given} left unknown`,
    `objects      ${workloads.join(', ')}`,
    ...(done.length === 0 ? [] : [`done         ${done.map(([what, count]) => `${count} ${what}`).join(', ')}`]),
    `histories    ${sum(Object.values(byWorkload).map(({ linearizable }) => linearizable))} linearizable`,
    `restarts     ${restartMs.restarts}, to the first reply: median ${restartMs.median} ms, longest ${restartMs.max} ms`,
    `findings     ${found.map(([kind, count]) => `${count} ${kind}`).join(' / ')}`,
  ].join('\n')
}

/** The same, and what shows each finding. */
export const textOf = (report: CrashReport): string => {
  const { findings, data } = report
  const lines = [summaryOf(report)]
  for (const [kind, count] of Object.entries(countsOf(report))) {
    if (count === 0) continue
    lines.push('', `${kind}:`)
    for (const { object, what, history } of findings.filter((found) => found.kind === kind).slice(0, PRINTED))
      lines.push(`  ${object}: ${what}`, ...history.map((line) => `    ${line}`))
    if (count > PRINTED) lines.push(`  and ${count - PRINTED} more`)
  }
  if (data !== undefined) lines.push('', `the nodes' folders are kept: ${data}`)
  return lines.join('\n')
}

import { formatLimits } from './limits.ts'
import type { FormatName, Outcome } from './format.ts'
import { readRange } from './watched.ts'

export interface Finding {
  readonly kind: string
  readonly says: string
  /** The first input that showed it. */
  readonly index: number
  /** Findings with the same are one. */
  readonly cause: string
  times: number
}

export interface FileReport {
  inputs: number
  values: number
  errors: number
  readonly codes: Map<string, number>
  readonly findings: Finding[]
  processes: number
  mostMib: number
  ms: number
}

/** What two findings have in common, whatever numbers and names they tell. How a process ended is told before a colon. */
const causeOf = (kind: string, says: string): string =>
  `${kind} ${kind === 'exit' ? says.split(':', 1)[0] : ''} ${says
    .replaceAll(/"[^"]*"|\([^()]*\)|\[[^[\]]*\]|-?\d[\d.]*|\/[\w/.-]+/g, '#')
    .split('\n')
    .slice(0, 3)
    .join(' ')
    .slice(0, 160)}`

export interface FileFuzzOptions {
  readonly seed: number
  readonly count: number
  readonly from?: number
  /** Inputs that one process reads at the most. */
  readonly batch?: number
  readonly replay?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (report: FileReport) => void
  /** A finding that is the first of its cause. */
  readonly onFinding?: (finding: Finding) => void
}

/** Has inputs of a format read in processes of their own, each replaced where it dies. */
export const fuzzFiles = async (name: FormatName, options: FileFuzzOptions): Promise<FileReport> => {
  const { seed, count, from = 0, batch = 2000, replay, signal, onProgress, onFinding } = options
  const began = performance.now()
  const report: FileReport = { inputs: 0, values: 0, errors: 0, codes: new Map(), findings: [], processes: 0, mostMib: 0, ms: 0 }
  const find = (kind: string, says: string, index: number): void => {
    const cause = causeOf(kind, says)
    const known = report.findings.find((finding) => finding.cause === cause)
    if (known !== undefined) return void known.times++
    const finding = { kind, says, index, cause, times: 1 }
    report.findings.push(finding)
    onFinding?.(finding)
  }
  const take = (index: number, { kind, says, code, mib }: Outcome) => {
    report.inputs++
    report.mostMib = Math.max(report.mostMib, mib)
    if (kind === 'value') report.values++
    else if (kind === 'error') {
      report.errors++
      report.codes.set(code ?? '', (report.codes.get(code ?? '') ?? 0) + 1)
    } else find(kind, says, index)
    report.ms = performance.now() - began
    if (report.inputs % 1000 === 0) onProgress?.(report)
  }
  for (let at = from; at < from + count && signal?.aborted !== true;) {
    const to = Math.min(from + count, at + batch)
    report.processes++
    const { next, death } = await readRange(
      name,
      { seed, from: at, to, ...(replay !== undefined && { replay }) },
      formatLimits(name),
      take,
      signal,
    )
    if (death !== undefined) {
      if (death.during) report.inputs++
      find(death.kind, death.says, death.index)
    }
    at = next
  }
  report.ms = performance.now() - began
  return report
}

import { hint } from '../../src/core/nearest.ts'

const HELP = `The quick start: one wrapped data loader under five strategies, on real photos and a real face detector.

Usage: npm run quickstart [-- --help]

It starts two storage nodes on this machine, on free ports of 127.0.0.1: a near one behind 1 ms and 1 Gbit/s, and a "cloud" node behind
40 ms and 50 Mbit/s. It runs the same loader under local, node, cloud, threshold and cost-model, prints a table of what each took and
moved, and compares the bytes of every batch. The photos and models come with the packages; nothing is fetched, and what it writes lies
in a temporary folder that it removes.

It takes under two minutes on two idle cores, and longer on busy ones. Ctrl-C ends it and its nodes.

Options:
  -h, --help  show this help

Exit code: 0 where all batches agree, 1 where they do not or a step fails, 2 for an unknown option.
Next: README.md, "Use", starts a node of your own; docs/cli.md has the command line.
`

/** What to print, and the exit code, instead of a run; undefined for a run. */
export const answerTo = (args: readonly string[]): { readonly text: string; readonly code: number } | undefined => {
  const [first] = args
  if (first === undefined) return undefined
  if (args.includes('--help') || args.includes('-h')) return { text: HELP, code: 0 }
  return {
    text: `quickstart: there is no option ${first}${hint(first, ['--help', '-h'])}; it takes none but --help: npm run quickstart -- --help\n`,
    code: 2,
  }
}

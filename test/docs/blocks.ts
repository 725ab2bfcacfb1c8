import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A fenced block of a page. */
export interface Block {
  /** Path of the page below the root. */
  readonly page: string
  /** Line of its first line in the page, from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
  /** Declarations that the page leaves out: of a comment `<!-- given ... -->` before the block. */
  readonly given: string
  /** Of a comment `<!-- run NAME -->` before the block: it is run as printed, as the file of this name if there is one. */
  readonly run: string | undefined
}

const pagesIn = (folder: string): string[] =>
  readdirSync(`${root}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : pagesIn(path)
    return entry.name.endsWith('.md') ? [path] : []
  })

/** Every page that users read: decisions and logs of runs are history. */
export const pages = (): string[] => [
  'README.md',
  'CONTRIBUTING.md',
  ...pagesIn('docs').filter((path) => !path.startsWith('docs/decisions/')),
  ...pagesIn('examples'),
]

const comment = /<!--\s*(given|run)\b([\s\S]*?)-->\s*/g
const fence = /((?:<!--[\s\S]*?-->\s*)*)^```(\w+)\n([\s\S]*?)^```$/gm

export const blocksOf = (page: string): Block[] => {
  const markdown = readFileSync(`${root}${page}`, 'utf8')
  return [...markdown.matchAll(fence)].map((found) => {
    const [, comments = '', language = '', text = ''] = found
    const before = new Map([...comments.matchAll(comment)].map(([, word = '', rest = '']) => [word, rest.trim()]))
    const line = markdown.slice(0, found.index + comments.length).split('\n').length + 1
    return { page, line, language, text, given: before.get('given') ?? '', run: before.get('run') }
  })
}

export const allBlocks = (): Block[] => pages().flatMap(blocksOf)

/** Command lines of a block of shell: without prompts, comments and the output that a console shows. */
export const commandsOf = ({ language, text }: Block): string[] =>
  text
    .replaceAll(/\s*\\\n\s*(?=-|\w)/g, ' ')
    .split('\n')
    .flatMap((line) => (language === 'console' ? (line.startsWith('$ ') ? [line.slice(2)] : []) : [line]))
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')

/** Words of a command line, quotes taken off; settings of the environment in front are left out. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)]
    .map(([, single, double, plain]) => single ?? double ?? plain ?? '')
    .filter((word, i, all) => !(all.slice(0, i + 1).every((one) => /^[A-Z_]+=/.test(one)) && /^[A-Z_]+=/.test(word)))

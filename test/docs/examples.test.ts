import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type Command, parse } from '../../src/commands/command.ts'
import { parsePolicy } from '../../src/policy/parse.ts'
import { temporaryFolder } from '../storage-node/support.ts'
import { allBlocks, type Block, commandsOf, root, wordsOf } from './blocks.ts'

const blocks = allBlocks()
const isCode = ({ language }: Block) => ['ts', 'js', 'mjs', 'typescript', 'javascript'].includes(language)
const isShell = ({ language }: Block) => ['sh', 'bash', 'shell', 'console'].includes(language)
const placeOf = ({ page, line }: Block) => `${page}:${line}`

test('no example needs a later Node than the package: `await using` is a mistake of syntax on Node 20', () => {
  assert.ok(blocks.filter(isCode).length >= 10, 'the examples were found')
  for (const block of blocks.filter(isCode)) assert.doesNotMatch(block.text, /\bawait using\b/, placeOf(block))
})

/** Writes each block to a file of its own, beside the others of its page, and compiles all against the public API. */
const compiled = async (t: TestContext, some: readonly Block[]): Promise<string> => {
  const folder = temporaryFolder(t)
  const names = new Map<string, Block>()
  for (const block of some) {
    const name = block.run === undefined || block.run === '' ? `line-${block.line}.ts` : block.run
    const path = join(block.page.replaceAll('/', '__'), name)
    names.set(path, block)
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    // What a page beside an example imports is that example.
    for (const name of readdirSync(join(root, dirname(block.page))).filter((one) => one.endsWith('.ts')))
      writeFileSync(join(folder, dirname(path), name), readFileSync(join(root, dirname(block.page), name)))
    writeFileSync(join(folder, path), `${block.given === '' ? '' : `${block.given}\n`}${block.text}\nexport {}\n`)
  }
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noUnusedLocals: false,
      noUnusedParameters: false,
      noImplicitReturns: false,
      paths: { 'active-storage': [join(root, 'src/index.ts')], '*': [join(root, 'node_modules/*'), join(root, 'node_modules/@types/*')] },
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [`${folder}/**/*`],
    exclude: [],
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], {
    cwd: folder,
  }).catch((error: unknown) => error as { stdout: string })
  return stdout.replaceAll(/^(\S+?)\((\d+),/gm, (all, path: string, line: string) => {
    const block = names.get(path)
    if (block === undefined) return all
    const hidden = block.given === '' ? 0 : block.given.split('\n').length
    return `${block.page}:${block.line + Number(line) - 1 - hidden} (`
  })
}

test('every example in TypeScript compiles against the public API', { timeout: 300_000 }, async (t) => {
  const some = blocks.filter(({ language }) => ['ts', 'typescript'].includes(language))
  assert.equal(await compiled(t, some), '')
})

test('every example in JavaScript is run: nothing else would find its mistakes', () => {
  for (const block of blocks.filter((one) => isCode(one) && !['ts', 'typescript'].includes(one.language)))
    assert.ok(block.run !== undefined && block.run !== '', `${placeOf(block)}: put <!-- run NAME.mjs --> before it`)
})

const isCommand = (thing: unknown): thing is Command => typeof thing === 'object' && thing !== null && 'usage' in thing && 'run' in thing

/** The command of this name, as src/cli.ts finds it. */
const commandOf = async (name: string): Promise<Command | undefined> => {
  const file = join(root, 'src/commands', `${name}.ts`)
  if (!existsSync(file)) return undefined
  const loaded = (await import(pathToFileURL(file).href)) as Record<string, unknown>
  return Object.values(loaded).find((thing) => isCommand(thing) && thing.name === name) as Command | undefined
}

test('every command line in the pages names a command, options, scripts and files that exist', async () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  let checked = 0
  for (const block of blocks.filter(isShell)) {
    for (const line of commandsOf(block)) {
      const words = wordsOf(line)
      if (words[0] === 'npx') words.shift()
      const [program, ...rest] = words
      const place = `${placeOf(block)}: ${line}`
      const own =
        program === 'active-storage' ? rest : line.includes('src/cli.ts') ? words.slice(words.indexOf('src/cli.ts') + 1) : undefined
      if (own !== undefined) {
        const [name = '', ...args] = own
        if (['--version', '--help'].includes(name)) continue
        const command = await commandOf(name)
        assert.ok(command !== undefined, place)
        assert.doesNotThrow(
          () =>
            parse(
              command,
              args.filter((word) => !['...', '&', '|'].includes(word)),
            ),
          place,
        )
        checked++
      } else if (program === 'npm' && rest[0] === 'run') {
        assert.ok(Object.hasOwn(scripts, rest[1] ?? ''), place)
        checked++
      } else if (program === 'node') {
        const file = rest.find((word) => /\.(?:ts|mjs|js)$/.test(word))
        const written = blocks.some(({ page, run }) => page === block.page && run === file)
        assert.ok(file === undefined || written || existsSync(join(root, file)), place)
        checked++
      }
    }
  }
  assert.ok(checked > 10)
})

test('every policy in the pages is one', () => {
  const policies = blocks.filter(({ language, text }) => language === 'yaml' && /^(?:strategy|rules|objective):/m.test(text))
  assert.ok(policies.length >= 2)
  for (const block of policies) {
    const text = /^version:/m.test(block.text) ? block.text : `version: 1\n${block.text}`
    assert.doesNotThrow(() => parsePolicy(text, placeOf(block)), placeOf(block))
  }
})

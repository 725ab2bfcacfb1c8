import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { dataset } from '../../../src/objects/dataset/dataset.ts'
import { linkTo, remote, startNode, temporaryFolder } from '../../storage-node/support.ts'

/** A node that adopts from a folder, and that folder. */
export const adopting = async (t: TestContext) => {
  const base = temporaryFolder(t)
  const [data, files] = [join(base, 'node'), join(base, 'files')]
  mkdirSync(files)
  const write = (name: string, bytes: string | Buffer) => {
    mkdirSync(dirname(join(files, name)), { recursive: true })
    writeFileSync(join(files, name), bytes)
    return join(files, name)
  }
  const node = await startNode(t, { data, adopt: [files] })
  const link = linkTo(t, node.address)
  return { base, files, link, write, set: (name = 'set') => remote(link, dataset, name) }
}

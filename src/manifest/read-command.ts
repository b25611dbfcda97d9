import type { Fields } from './fields.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { describeNode, type YamlNode } from './yaml-node.ts'

/**
 * The dev command. A list is run as it is; text with a blank in it is run by `sh -c`, other text is the program's name;
 * none is `sh`. Variables are left to the shell in the pod.
 */
export function readCommand(reading: Reading, fields: Fields): string[] {
  const node = fields.value('command')
  if (node === undefined) return ['sh']
  if (node.kind === 'list') return readList(reading, node.items)
  const scalar = asScalar(reading, node, 'command')
  // A block scalar ends in a line break, which is no part of a program's name.
  const text = scalar?.text.trim() ?? ''
  if (text === '') return ['sh']
  refuseNul(reading, node, text)
  return /\s/.test(text) ? ['sh', '-c', scalar!.text.replace(/\s+$/, '')] : [text]
}

function readList(reading: Reading, items: YamlNode[]): string[] {
  const words: string[] = []
  for (const item of items) {
    reading.spend(1, item.at)
    if (item.kind !== 'scalar') {
      const hint = item.kind === 'map' ? 'a word that holds ": " needs quotes' : undefined
      reading.complaints.error(
        item.at,
        `each word of \`command\` must be a single value, not ${describeNode(item)}`,
        hint,
      )
      continue
    }
    refuseNul(reading, item, item.text)
    words.push(item.text)
  }
  if (words.length === 0) return ['sh']
  const [first] = items
  if (words[0] === '') reading.complaints.error(first!.at, 'the first word of `command` is empty')
  if (words.length === 1 && /\s/.test(words[0]!.trim()) && first !== undefined) {
    const hint = 'write it without the list to have a shell run it, or one word an item'
    reading.complaints.warn(first.at, 'the whole line is taken as the name of one program', hint)
  }
  return words
}

function refuseNul(reading: Reading, node: YamlNode, text: string): void {
  if (text.includes('\0')) reading.complaints.error(node.at, 'a command cannot hold a NUL character')
}

import { type Message, message, textAt } from './messages.ts'

/**
 * A message with its prepared statement's name made this connection's own; `known` keeps those that are open. One
 * without a name stays: it lives no longer than a client's turn.
 */
export function renameStatement(of: Message, connection: number, known: Set<string>): Message {
  const at = nameAt(of)
  if (at === undefined) return of
  const name = textAt(of.bytes, at)
  if (name === '') return of
  const own = `c${connection}_${name}`
  if (of.type === 'P') known.add(own)
  if (of.type === 'C') known.delete(own)
  const end = at + Buffer.byteLength(name) + 1
  return { type: of.type, bytes: message(of.type, of.bytes.subarray(5, at), own, of.bytes.subarray(end)) }
}

/** Where the name of a statement begins, undefined where the message has none. */
function nameAt({ type, bytes }: Message): number | undefined {
  // Parse
  if (type === 'P') return 5
  // Bind: behind the portal's name
  if (type === 'B') return bytes.indexOf(0, 5) + 1
  // Describe and Close: of a statement, not a portal
  return (type === 'D' || type === 'C') && bytes[5] === 0x53 ? 6 : undefined
}

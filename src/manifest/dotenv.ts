import type { Complaint } from './manifest.ts'
import { Lines } from './source-text.ts'
import { expandVariables, type Lookup } from './variables.ts'

export interface DotenvEntry {
  name: string
  /** absent: the line names the variable only. */
  value?: string
}

/**
 * Reads `NAME=value` lines as Okteto does (the dotenv dialect of Compose): `export` before the name, `#` comments,
 * single quotes for text as it is, double quotes with `\n`, `\t`, `\"`, `\\` and `\$`, quotes over several lines.
 * Unquoted and double-quoted values have their variables filled in, from `lookup` and then from the lines above.
 * A line that cannot be read gives a complaint and is passed over; no complaint shows any of the file's text.
 */
export function parseDotenv(
  text: string,
  file: string,
  lookup: Lookup,
): { entries: DotenvEntry[]; complaints: Complaint[] } {
  const lines = new Lines(text, file)
  const entries = new Map<string, DotenvEntry>()
  const complaints: Complaint[] = []
  const find = (name: string) => lookup(name) ?? entries.get(name)?.value
  for (let offset = 0; offset < text.length; ) {
    const read = readLine(text, offset, find)
    offset = read.next
    if ('problem' in read) complaints.push({ at: lines.at(read.at), message: read.problem })
    else if ('entry' in read) entries.set(read.entry.name, read.entry)
  }
  return { entries: [...entries.values()], complaints }
}

type ReadLine = { next: number } | { next: number; entry: DotenvEntry } | { next: number; problem: string; at: number }

function readLine(text: string, offset: number, lookup: Lookup): ReadLine {
  const next = endOfLine(text, offset)
  const line = text.slice(offset, next)
  if (/^\s*(?:#|$)/.test(line)) return { next }
  const match = /^([ \t]*(?:export[ \t]+)?)([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*(?:([=:])[ \t]*|(?=#|[\r\n]|$))/.exec(line)
  const begin = offset + line.search(/\S/)
  if (match === null) return { next, problem: 'expected NAME=value', at: begin }
  const name = match[2]!
  if (match[3] === undefined) return { next, entry: { name } }
  const start = offset + match[0].length
  const quote = text[start]
  if (quote !== '"' && quote !== "'") {
    return { next, entry: { name, value: expandOrKeep(unquoted(text.slice(start, next)), lookup) } }
  }
  const end = closingQuote(text, start, quote)
  if (end === undefined) return { next, problem: `the ${quote} opened here is not closed`, at: start }
  const inner = text.slice(start + 1, end).replace(/\r\n?/g, '\n')
  const value = quote === "'" ? inner : expandOrKeep(withEscapes(inner), lookup)
  return { next: endOfLine(text, end), entry: { name, value } }
}

/** Where the line after `offset`'s begins. */
function endOfLine(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset)
  return newline < 0 ? text.length : newline + 1
}

function closingQuote(text: string, start: number, quote: string): number | undefined {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\' && quote === '"') i += 1
    else if (text[i] === quote) return i
  }
  return undefined
}

function unquoted(rest: string): string {
  const comment = rest.search(/(?:^|[ \t])#/)
  return (comment < 0 ? rest : rest.slice(0, comment)).trim()
}

function withEscapes(inner: string): string {
  // `\$` becomes `$$`, which filling in variables turns into one plain `$`.
  const known: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$$' }
  return inner.replace(/\\([\s\S])/g, (whole, char: string) => known[char] ?? whole)
}

/** A value such as `pa${` is no reference: it stays as it is. */
function expandOrKeep(value: string, lookup: Lookup): string {
  const expansion = expandVariables(value, lookup)
  return expansion.problem === undefined ? expansion.value : value
}

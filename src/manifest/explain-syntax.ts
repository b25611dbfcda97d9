/** A syntax error in words that name the cause, at the place where the person has to look. */
export interface SyntaxProblem {
  offset: number
  message: string
  hint?: string
}

/** Nothing is guessed about longer lines, nor further up than so many: no person wrote them. */
const lineLengthMax = 2_000
const linesAboveMax = 500

/**
 * Explains a refusal of js-yaml. Its positions are exact, but a quote that is never closed, a second colon in a value
 * and a colon without a blank are all "bad indentation" to it, and are reported where reading stopped. No text of the
 * file goes into the message.
 */
export function explainSyntax(text: string, offset: number, reason: string): SyntaxProblem {
  const line = lineAt(text, offset)
  if (line.text.length > lineLengthMax) return general(offset, reason)
  return (
    mergeConflict(text) ??
    unclosed(text, offset, reason) ??
    badCharacter(text, offset, reason) ??
    strayColon(text, offset, reason, line) ??
    afterQuote(text, offset, reason, line) ??
    missingColon(text, line, reason) ??
    general(offset, reason)
  )
}

interface Line {
  start: number
  text: string
}

function lineAt(text: string, offset: number): Line {
  let start = offset
  while (start > 0 && !isLineEnd(text[start - 1]!)) start -= 1
  let end = offset
  while (end < text.length && !isLineEnd(text[end]!)) end += 1
  return { start, text: text.slice(start, end) }
}

function isLineEnd(char: string): boolean {
  return char === '\n' || char === '\r'
}

/** The nearest line above that says something. */
function lineAbove(text: string, line: Line): Line | undefined {
  let { start } = line
  while (start > 0) {
    const crlf = text[start - 1] === '\n' && text[start - 2] === '\r' ? 2 : 1
    const above = lineAt(text, start - crlf)
    if (above.text.length > lineLengthMax) return undefined
    if (/^\s*[^\s#]/.test(above.text)) return above
    start = above.start
  }
  return undefined
}

function mergeConflict(text: string): SyntaxProblem | undefined {
  const offset = text.search(/^(?:<{7}|={7}|>{7})(?:[ \r\n]|$)/m)
  return offset < 0 ? undefined : { offset, message: 'a merge conflict is left in the file' }
}

function unclosed(text: string, offset: number, reason: string): SyntaxProblem | undefined {
  if (!/^deficient indentation|^unexpected end of the (?:stream|document) within|^missed comma/.test(reason)) {
    return undefined
  }
  const quotes = reason.includes('double') ? '"' : reason.includes('single') ? "'" : `"'`
  const isQuote = !reason.includes('flow collection')
  // From the place where reading stopped upwards: the last line that opens more than it closes.
  let line: Line | undefined = lineAt(text, offset)
  for (let i = 0; i < linesAboveMax && line !== undefined; i++, line = lineAbove(text, line)) {
    const shown = line.start + line.text.length > offset ? line.text.slice(0, offset - line.start) : line.text
    const column = (isQuote ? openQuote(shown, quotes) : undefined) ?? openBracket(shown)
    if (column !== undefined) {
      return { offset: line.start + column, message: `the ${shown[column]} opened here is not closed` }
    }
  }
  return undefined
}

function openQuote(line: string, quotes: string): number | undefined {
  const match = new RegExp(`(?<=^|[\\s[{,])([${quotes}])(?:(?!\\1).)*$`).exec(line)
  return match === null ? undefined : match.index
}

function openBracket(line: string): number | undefined {
  const open: number[] = []
  for (const match of line.matchAll(/"(?:[^"\\]|\\.)*"|'[^']*'|\s#.*|(?<=^|[\s[{,])[[{]|[\]}]/g)) {
    if (/^[[{]$/.test(match[0])) open.push(match.index)
    else if (/^[\]}]$/.test(match[0])) open.pop()
  }
  return open.at(-1)
}

function badCharacter(text: string, offset: number, reason: string): SyntaxProblem | undefined {
  const char = text[offset] ?? ''
  if (reason.startsWith('tab characters')) {
    return { offset, message: 'a tab in the indentation', hint: 'YAML indents with blanks only' }
  }
  if (reason.startsWith('unknown escape')) {
    const hint = 'inside double quotes a \\ is written \\\\; inside single quotes it stands for itself'
    return { offset: offset - 1, message: 'an unknown escape in double quotes', hint }
  }
  if (reason.includes('non-printable')) {
    const code = (text.charCodeAt(offset) || 0).toString(16).toUpperCase().padStart(4, '0')
    return { offset, message: `the character U+${code} is not allowed in YAML` }
  }
  if (reason.includes('tag')) {
    return { offset, message: 'a value that starts with ! is a tag, and this is none', hint: 'put the value in quotes' }
  }
  if (/[@`%]/.test(char) && /\s|^$/.test(text[offset - 1] ?? '')) {
    return { offset, message: `a value cannot start with ${char}`, hint: 'put the value in quotes' }
  }
  return undefined
}

function strayColon(text: string, offset: number, reason: string, line: Line): SyntaxProblem | undefined {
  if (!reason.startsWith('bad indentation of a mapping') || text[offset] !== ':') return undefined
  const before = line.text.slice(0, offset - line.start)
  const value = /^[\s-]*[^\s:#'"][^:]*:\s+(?=\S)/.exec(before)
  if (value === null || before.endsWith('"') || before.endsWith("'")) return undefined
  return { offset, message: 'a second ": " in one value', hint: 'put the value in quotes' }
}

function missingColon(text: string, line: Line, reason: string): SyntaxProblem | undefined {
  const isHere = reason.startsWith("expected ':'")
  if (!isHere && !/^bad indentation of a mapping|^end of the stream|multiline key/.test(reason)) return undefined
  const place = isHere ? line : lineAbove(text, line)
  const match = place && /^(\s*)([^\s:#"'-][^\s:#]*)(:?)((?:[^\s:#]|:(?=\S)|\s(?![\s#]))*)\s*(?:#.*)?$/.exec(place.text)
  if (!place || !match || /:$/.test(match[0].trimEnd())) return undefined
  const offset = place.start + match[1]!.length
  if (match[3] === ':' && /^\S/.test(match[4]!)) {
    return { offset, message: 'a blank is missing after the colon', hint: 'write "key: value"' }
  }
  return match[4] === '' ? { offset, message: 'a ":" is missing after this key' } : undefined
}

function afterQuote(text: string, offset: number, reason: string, line: Line): SyntaxProblem | undefined {
  const before = line.text.slice(0, offset - line.start).trimEnd()
  if (!reason.startsWith('bad indentation') || text[offset] === ':' || !/["']$/.test(before)) return undefined
  return { offset, message: 'more text after the closing quote', hint: 'put the whole value in quotes' }
}

function general(offset: number, reason: string): SyntaxProblem {
  if (reason.startsWith('nesting exceeded')) return { offset, message: 'values are nested deeper than 100 levels' }
  if (/indentation|^end of the stream/.test(reason)) {
    const hint = 'the fields of one map begin in the same column, deeper than the key above them'
    return { offset, message: 'this does not fit the indentation of the lines above', hint }
  }
  if (reason.startsWith("expected ':'") || reason.includes('multiline key')) {
    return { offset, message: 'expected "key: value"' }
  }
  // Behind a quote or a colon the library shows what stands in the file.
  return { offset, message: reason.split(/[:"]/, 1)[0]!.trimEnd() }
}

/** A text with its variables filled in. Indexes count from 0 in the text that was given. */
export interface Expansion {
  value: string
  /** Variables that stand without a default and are not set; each gave empty text. */
  unset: { name: string; index: number }[]
  /** What cannot be a reference; `value` is then of no use. */
  problem?: { message: string; index: number }
}

export type Lookup = (name: string) => string | undefined

/** The longest argument or variable that Linux passes to a program (MAX_ARG_STRLEN). */
export const expansionLengthMax = 128 * 1024
const nestingMax = 20
/** More of them are not told apart: each gives empty text all the same. */
const unsetMax = 50
const plainName = /^[A-Za-z_][A-Za-z0-9_]*/
// `:d` without an operator is the oldest form and means `:-d`.
const operator = /^(?::[-=+?]?|[-=+?])/

/**
 * Fills in `$V`, `${V}`, `${V-d}`, `${V:-d}`, `${V=d}`, `${V:=d}`, `${V+a}`, `${V:+a}`, `${V?}`, `${V:?}`, `${V:d}`
 * and `$$`, as the shell and Okteto read them; a default may hold references again. A `$` before anything else stays.
 */
export function expandVariables(text: string, lookup: Lookup): Expansion {
  const expansion: Expansion = { value: '', unset: [] }
  if (!text.includes('$')) return { ...expansion, value: text }
  const value = expandRange(text, 0, text.length, { expansion, lookup, depth: 0 })
  return { ...expansion, value }
}

interface Pass {
  expansion: Expansion
  lookup: Lookup
  depth: number
}

function expandRange(text: string, start: number, end: number, pass: Pass): string {
  let value = ''
  for (let i = start; i < end && pass.expansion.problem === undefined; ) {
    const dollar = text.indexOf('$', i)
    if (dollar < 0 || dollar >= end) return value + text.slice(i, end)
    value += text.slice(i, dollar)
    const [piece, next] = expandReference(text, dollar, end, pass)
    value += piece
    i = next
    if (value.length > expansionLengthMax) {
      pass.expansion.problem = {
        message: 'the text is longer than 128 KiB with its variables filled in',
        index: dollar,
      }
    }
  }
  return value
}

/** The text that stands for the reference at `dollar`, and where reading goes on. */
function expandReference(text: string, dollar: number, end: number, pass: Pass): [string, number] {
  const next = text[dollar + 1]
  if (next === '$' && dollar + 1 < end) return ['$', dollar + 2]
  if (next === '{' && dollar + 1 < end) return expandBraces(text, dollar, end, pass)
  const name = matchAt(plainName, text, dollar + 1, end)
  if (name === undefined) return ['$', dollar + 1]
  return [valueOrUnset(name, dollar, pass), dollar + 1 + name.length]
}

function expandBraces(text: string, dollar: number, end: number, pass: Pass): [string, number] {
  const close = closingBrace(text, dollar + 2, end)
  if (close === undefined) return fail(pass, dollar, 'this ${ is not closed', end)
  const name = matchAt(plainName, text, dollar + 2, close)
  if (name === undefined) return fail(pass, dollar, '${ is not followed by the name of a variable', end)
  const afterName = dollar + 2 + name.length
  if (afterName === close) return [valueOrUnset(name, dollar, pass), close + 1]
  const sign = matchAt(operator, text, afterName, close)
  if (sign === undefined) return fail(pass, dollar, 'this ${ holds something that is not understood', end)
  if (pass.depth === nestingMax) return fail(pass, dollar, `references are nested deeper than ${nestingMax}`, end)

  const set = pass.lookup(name)
  // With a colon an empty variable counts as one that is not set.
  const present = sign.startsWith(':') ? set !== undefined && set !== '' : set !== undefined
  const other = () => expandRange(text, afterName + sign.length, close, { ...pass, depth: pass.depth + 1 })
  if (sign.endsWith('+')) return [present ? other() : '', close + 1]
  if (present) return [set!, close + 1]
  if (sign.endsWith('?')) return fail(pass, dollar, `the variable ${name} must be set`, end)
  return [other(), close + 1]
}

/** The brace that closes the reference whose name begins at `from`; a nested reference has its own. */
export function closingBrace(text: string, from: number, end = text.length): number | undefined {
  let depth = 0
  for (let i = from; i < end; i++) {
    if (text[i] === '$' && text[i + 1] === '{') depth += 1
    else if (text[i] === '}' && depth-- === 0) return i
  }
  return undefined
}

function valueOrUnset(name: string, index: number, pass: Pass): string {
  const value = pass.lookup(name)
  if (value === undefined && pass.expansion.unset.length < unsetMax) pass.expansion.unset.push({ name, index })
  return value ?? ''
}

function fail(pass: Pass, index: number, message: string, end: number): [string, number] {
  pass.expansion.problem ??= { message, index }
  return ['', end]
}

function matchAt(pattern: RegExp, text: string, at: number, end: number): string | undefined {
  return pattern.exec(text.slice(at, end))?.[0]
}

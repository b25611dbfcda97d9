import { compileGlob, type Glob, type GlobDialect, matchGlob } from './ignore-glob.ts'
import { encodePath, type Path } from './path.ts'

/** One rule of an ignore file, ready to match. */
export interface Pattern {
  /** As it stands in its file. */
  readonly rule: string
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  /** `!`: what matches is not ignored. */
  readonly negated: boolean
  readonly only: 'dir' | 'file' | undefined
  /** Matches the last name alone, at any depth; otherwise the path from the rules' folder on. */
  readonly anywhere: boolean
  /** What the name or path begins with; the whole of it without a glob. */
  readonly literal: string
  /** For what comes after the literal; undefined: nothing may. */
  readonly glob: Glob | undefined
  /** In place of literal and glob: what the name ends with. */
  readonly suffix: string | undefined
  readonly foldsCase: boolean
}

/** Bytes of a path as characters, for rules speak of bytes: git's `?` takes two of them for `é`. */
export function byteText(path: Path): string {
  return isAscii.test(path) ? path : encodePath(path).toString('latin1')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const isAscii = /^[\x00-\x7f]*$/

export function foldedText(text: string): string {
  return text.replace(/[A-Z]+/g, letters => letters.toLowerCase())
}

/** Where rules come from, and how they are to be read. */
export interface RuleFile {
  file: string
  firstLine: number
  foldsCase: boolean
}

/**
 * Lines of a `.gitignore` (gitignore(5)). A line that can match nothing gives no pattern.
 * @param text as read; a byte order mark and CRLF are fine
 */
export function parseGitPatterns(text: string, source: RuleFile): Pattern[] {
  const patterns: Pattern[] = []
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    if (raw.startsWith('#')) continue
    const rule = trimTrailingSpaces(raw.endsWith('\r') ? raw.slice(0, -1) : raw)
    const pattern = parseGitPattern(rule, { ...source, firstLine: source.firstLine + index })
    if (pattern !== undefined) patterns.push(pattern)
  }
  return patterns
}

/** One rule in git's syntax, on the first line of the source. */
export function parseGitPattern(rule: string, source: RuleFile): Pattern | undefined {
  const negated = rule.startsWith('!')
  let body = byteText(negated ? rule.slice(1) : rule)
  const isDirOnly = body.endsWith('/')
  if (isDirOnly) body = body.slice(0, -1)
  const anywhere = !body.includes('/')
  if (body.startsWith('/')) body = body.slice(1)
  const { file, firstLine: line } = source
  return toPattern(body, { rule, file, line, negated, only: isDirOnly ? 'dir' : undefined, anywhere }, source)
}

export type PatternHead = Pick<Pattern, 'rule' | 'file' | 'line' | 'negated' | 'only' | 'anywhere'>

/** @param body byte string: the glob without leading and trailing slash */
export function toPattern(body: string, head: PatternHead, dialect: GlobDialect): Pattern | undefined {
  if (body === '') return undefined
  const foldsCase = dialect.foldsCase ?? false
  const special = body.search(/[*?[\\]/)
  const literalEnd = special < 0 ? body.length : special
  const literal = foldsCase ? foldedText(body.slice(0, literalEnd)) : body.slice(0, literalEnd)
  const whole = { ...head, literal, glob: undefined, suffix: undefined, foldsCase }
  if (special < 0) return whole
  if (head.anywhere && special === 0 && body[0] === '*' && !/[*?[\\]/.test(body.slice(1))) {
    return { ...whole, suffix: foldsCase ? foldedText(body.slice(1)) : body.slice(1) }
  }
  const glob = compileGlob(body, literalEnd, dialect)
  return glob === undefined ? undefined : { ...whole, glob }
}

// Up to the last character that is no space, or is escaped.
function trimTrailingSpaces(line: string): string {
  let end = 0
  for (let i = 0; i < line.length; i++) {
    const isEscape = line[i] === '\\' && i + 1 < line.length
    if (isEscape) i++
    if (isEscape || line[i] !== ' ') end = i + 1
  }
  return line.slice(0, end)
}

/** What of a path the patterns of one file look at. */
export interface Subject {
  /** Byte text of the whole path, folded where the pattern folds. */
  text: string
  folded: string
  /** Where the last name begins. */
  nameAt: number
  /** Where the path below the rules' folder begins. */
  baseAt: number
  isDir: boolean
}

export function matchesPattern(pattern: Pattern, subject: Subject): boolean {
  if (pattern.only !== undefined && (pattern.only === 'dir') !== subject.isDir) return false
  const text = pattern.foldsCase ? subject.folded : subject.text
  const at = pattern.anywhere ? subject.nameAt : subject.baseAt
  const { literal, glob, suffix } = pattern
  if (suffix !== undefined) return text.length - at >= suffix.length && text.endsWith(suffix)
  if (!text.startsWith(literal, at)) return false
  if (glob === undefined) return text.length === at + literal.length
  return matchGlob(glob, text, at + literal.length)
}

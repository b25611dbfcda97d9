/**
 * A glob over byte strings (each character one byte, see `byteText`): `?` and classes stand for one byte other than
 * `/`, `*` for any number of them.
 */
export interface Glob {
  /** Bytes, or one of the negative codes below; classes count down from `firstClass`. */
  readonly tokens: readonly number[]
  /** 256 flags each. */
  readonly classes: readonly Uint8Array[]
}

const anyByte = -1
/** Any bytes but `/`. */
const star = -2
/** Any bytes. */
const globstar = -3
/** Nothing, or any bytes and a `/`. */
const globstarSlash = -4
const firstClass = -16

const slash = 47
const backslash = 92
const asterisk = 42

export interface GlobDialect {
  /** `**` crosses `/` wherever it is; otherwise only as a name of its own (git). */
  globstarAnywhere?: boolean
  foldsCase?: boolean
}

/**
 * @param pattern byte string without leading slash
 * @param start where to begin in it; what came before was literal
 * @returns undefined for a pattern that matches nothing: a class without end, a backslash at the end
 */
export function compileGlob(pattern: string, start: number, dialect: GlobDialect): Glob | undefined {
  const tokens: number[] = []
  const classes: Uint8Array[] = []
  for (let i = start; i < pattern.length; ) {
    const byte = pattern.charCodeAt(i)
    if (byte === asterisk) {
      let end = i
      while (pattern.charCodeAt(end) === asterisk) end++
      i = end + pushStars(tokens, pattern, { start, from: i, end }, dialect)
    } else if (byte === 63) {
      tokens.push(anyByte)
      i++
    } else if (byte === 91) {
      const parsed = parseClass(pattern, i, dialect.foldsCase === true)
      if (parsed === undefined) return undefined
      if (dialect.foldsCase && dialect.globstarAnywhere) foldClass(parsed.flags)
      if (parsed.negated) for (let b = 0; b < 256; b++) parsed.flags[b] = parsed.flags[b]! ^ 1
      parsed.flags[slash] = 0
      tokens.push(firstClass - classes.length)
      classes.push(parsed.flags)
      i = parsed.end
    } else {
      if (byte === backslash) i++
      if (i === pattern.length) return undefined
      // Git takes an escaped letter as it stands, though the text is in lower case then.
      const folds = dialect.foldsCase && (byte !== backslash || dialect.globstarAnywhere)
      tokens.push(folds ? lower(pattern.charCodeAt(i)) : pattern.charCodeAt(i))
      i++
    }
  }
  return { tokens, classes }
}

/** @returns how many bytes after the asterisks were taken along */
function pushStars(
  tokens: number[],
  pattern: string,
  at: { start: number; from: number; end: number },
  dialect: GlobDialect,
): number {
  const isDouble = at.end - at.from > 1
  const opens = at.from === at.start || pattern.charCodeAt(at.from - 1) === slash
  const next = pattern.charCodeAt(at.end)
  // `a/**/b` means `a/b` too in git, in Syncthing only what is deeper
  const mayBeNothing = opens && (at.from === at.start || !dialect.globstarAnywhere)
  if (isDouble && mayBeNothing && next === slash) {
    tokens.push(globstarSlash)
    return 1
  }
  const closes = at.end === pattern.length || (next === backslash && pattern.charCodeAt(at.end + 1) === slash)
  tokens.push(isDouble && ((opens && closes) || dialect.globstarAnywhere) ? globstar : star)
  return 0
}

/** True where the glob matches the whole text from `at`. Takes no more than text × pattern steps for each `/`. */
export function matchGlob(glob: Glob, text: string, at: number): boolean {
  const { tokens, classes } = glob
  let p = 0
  let t = at
  // Where to go on after a mismatch: only the latest of each kind can still help.
  let starNext = -1
  let starText = 0
  let globstarNext = -1
  let globstarText = 0
  for (;;) {
    const token = p < tokens.length ? tokens[p]! : undefined
    if (token === undefined) {
      if (t === text.length) return true
    } else if (token === star) {
      starNext = ++p
      starText = t
      continue
    } else if (token === globstar || token === globstarSlash) {
      globstarNext = ++p
      globstarText = t
      starNext = -1
      continue
    } else if (t < text.length && matchesByte(token, text.charCodeAt(t), classes)) {
      p++
      t++
      continue
    }
    if (starNext >= 0 && starText < text.length && text.charCodeAt(starText) !== slash) {
      t = ++starText
      p = starNext
      continue
    }
    if (globstarNext < 0) return false
    starNext = -1
    const step = tokens[globstarNext - 1] === globstar ? globstarText : text.indexOf('/', globstarText)
    if (step < 0 || step >= text.length) return false
    t = globstarText = step + 1
    p = globstarNext
  }
}

function matchesByte(token: number, byte: number, classes: readonly Uint8Array[]): boolean {
  if (token >= 0) return token === byte
  if (token === anyByte) return byte !== slash
  return classes[firstClass - token]![byte] === 1
}

interface ParsedClass {
  flags: Uint8Array
  negated: boolean
  end: number
}

/**
 * `[…]` from its bracket; `]` in the first place is a member, `!` or `^` there negates.
 * @param folds the text is in lower case: ranges and `[:upper:]` are for it, too, but, as git has it, no single letter
 */
function parseClass(pattern: string, open: number, folds: boolean): ParsedClass | undefined {
  const flags = new Uint8Array(256)
  let i = open + 1
  const negated = pattern[i] === '!' || pattern[i] === '^'
  if (negated) i++
  // Low end of a range that may begin here; -1 after a range or a named class.
  let low = -1
  for (let isFirst = true; isFirst || pattern[i] !== ']'; isFirst = false) {
    if (i >= pattern.length) return undefined
    if (pattern[i] === '-' && low >= 0 && i + 1 < pattern.length && pattern[i + 1] !== ']') {
      i += pattern[i + 1] === '\\' ? 2 : 1
      if (i >= pattern.length) return undefined
      for (let b = low; b <= pattern.charCodeAt(i); b++) flags[b] = flags[folds ? lower(b) : b] = 1
      low = -1
      i++
      continue
    }
    const named = pattern.startsWith('[:', i) ? parseNamedClass(pattern, i) : undefined
    if (named !== undefined) {
      if (named.members === undefined) return undefined
      const members = folds && named.members === namedClasses.upper ? namedClasses.alpha! : named.members
      for (let b = 0; b < 128; b++) if (members.test(String.fromCharCode(b))) flags[b] = 1
      low = -1
      i = named.end
      continue
    }
    if (pattern[i] === '\\') i++
    if (i >= pattern.length) return undefined
    low = pattern.charCodeAt(i)
    flags[low] = 1
    i++
  }
  return { flags, negated, end: i + 1 }
}

/** `[:alpha:]`; undefined where it is not one, without members where the name is unknown. */
function parseNamedClass(pattern: string, at: number): { members: RegExp | undefined; end: number } | undefined {
  const close = pattern.indexOf(']', at + 2)
  if (close < 0) return { members: undefined, end: pattern.length }
  if (close === at + 2 || pattern[close - 1] !== ':') return undefined
  return { members: namedClasses[pattern.slice(at + 2, close - 1)], end: close + 1 }
}

const namedClasses: Record<string, RegExp> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the class of control characters
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\v\f\r]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
}

function foldClass(flags: Uint8Array): void {
  for (let b = 65; b <= 90; b++) flags[b] = flags[b + 32] = flags[b]! | flags[b + 32]!
}

function lower(byte: number): number {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte
}

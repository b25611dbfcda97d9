import { byteText, type Pattern, type PatternHead, type RuleFile, toPattern } from './ignore-pattern.ts'

/** A line that we cannot do as its author meant it. */
export interface IgnoreComplaint {
  file: string
  line: number
  message: string
}

/** An `#include` line. */
export interface StignoreInclude {
  line: number
  file: string
}

/**
 * Lines of a `.stignore` (docs.syncthing.net/users/ignoring), where the first rule that matches decides.
 * @returns patterns in the order in which ours are tried, the last one first: the file's own order turned round
 */
export function parseStignorePatterns(text: string, source: RuleFile, complaints: IgnoreComplaint[]): Pattern[] {
  const patterns: Pattern[] = []
  for (const [index, raw] of linesOf(text).entries()) {
    const rule = raw.trim()
    const line = source.firstLine + index
    if (rule === '' || rule.startsWith('//') || includeOf(rule) !== undefined) continue
    const complain = (message: string) => complaints.push({ file: source.file, line, message })
    if (/^#(?:escape|include)\b/.test(rule)) complain(`${rule.split(/[\s=]/, 1)[0]} is not understood`)
    // a comment that is meant for git names a file to Syncthing, which nobody has
    else patterns.push(...parseRule(rule, { ...source, firstLine: line }, rule.startsWith('#') ? () => {} : complain))
  }
  complainOfHidden(patterns, complaints)
  return patterns.reverse()
}

/** After a rule for everything an exception is reached only where it names its folder. */
function complainOfHidden(patterns: Pattern[], complaints: IgnoreComplaint[]): void {
  const all = patterns.findIndex(({ rule, negated }) => !negated && /^\/?\*{1,2}$/.test(rule))
  const hidden = patterns.slice(0, Math.max(all, 0)).filter(({ negated, rule }) => negated && !/^[^/]*\//.test(rule))
  for (const { file, line, rule } of hidden) {
    complaints.push({ file, line, message: `${rule} is found in the top folder only: begin it with / and its folder` })
  }
}

/** The `#include` lines of a `.stignore`. */
export function stignoreIncludes(text: string): StignoreInclude[] {
  return linesOf(text).flatMap((raw, index) => {
    const file = includeOf(raw.trim())
    return file === undefined ? [] : [{ line: index + 1, file }]
  })
}

function linesOf(text: string): string[] {
  return text.replace(/^\uFEFF/, '').split('\n')
}

function includeOf(rule: string): string | undefined {
  return /^#include\s+(\S.*)$/.exec(rule)?.[1]
}

function parseRule(rule: string, source: RuleFile, complain: (message: string) => void): Pattern[] {
  let body = rule
  let negated = false
  let { foldsCase } = source
  for (;;) {
    if (body.startsWith('!') && !negated) {
      negated = true
      body = body.slice(1)
    } else if (body.startsWith('(?i)')) {
      foldsCase = true
      body = body.slice(4)
    } else if (body.startsWith('(?d)')) {
      // Allows deleting the file along with its folder; we keep such a folder and say so.
      body = body.slice(4)
    } else break
  }
  const alternatives = expandBraces(body)
  if (alternatives === undefined) {
    complain(`${rule}: braces that do not pair, or too many alternatives`)
    return []
  }
  const head = { rule, file: source.file, line: source.firstLine, negated }
  return alternatives.flatMap(alternative => patternsOf(alternative, head, foldsCase))
}

/** `/x` is anchored, any other rule holds at each depth; `x/` means what is in the folder and not the folder. */
function patternsOf(glob: string, head: Omit<PatternHead, 'only' | 'anywhere'>, foldsCase: boolean): Pattern[] {
  const content = glob.endsWith('/') ? `${glob}**` : glob
  const anchored = content.startsWith('/')
  const body = byteText(anchored ? content.slice(1) : content.replace(/^(\*\*\/)+/, ''))
  const anywhere = !anchored && !body.includes('/') && !body.includes('**')
  const whole = anchored || anywhere ? body : `**/${body}`
  const pattern = toPattern(whole, { ...head, only: undefined, anywhere }, { globstarAnywhere: true, foldsCase })
  return pattern === undefined ? [] : [pattern]
}

const alternativesMax = 256

/** `a{b,c}` → `ab`, `ac`; undefined where braces do not pair. */
function expandBraces(glob: string): string[] | undefined {
  const done: string[] = []
  const open = [glob]
  while (open.length > 0) {
    if (open.length + done.length > alternativesMax) return undefined
    const next = open.pop()!
    const group = innermostGroup(next)
    if (group === undefined) return undefined
    if (group === 'none') {
      done.push(next)
      continue
    }
    const { from, to } = group
    const parts = next.slice(from + 1, to).split(/(?<!\\),/)
    open.push(...parts.reverse().map(part => next.slice(0, from) + part + next.slice(to + 1)))
  }
  return done
}

/** The first `{…}` without another one in it. */
function innermostGroup(glob: string): { from: number; to: number } | 'none' | undefined {
  let from = -1
  for (let i = 0; i < glob.length; i++) {
    if (glob[i] === '\\') i++
    else if (glob[i] === '{') from = i
    else if (glob[i] === '}') return from < 0 ? undefined : { from, to: i }
  }
  return from < 0 ? 'none' : undefined
}

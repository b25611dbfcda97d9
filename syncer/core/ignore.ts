import {
  defaultPatterns,
  generatedRules,
  isProtectedName,
  residueFolderRules,
  residueRules,
} from './ignore-defaults.ts'
import {
  byteText,
  foldedText,
  matchesPattern,
  type Pattern,
  parseGitPattern,
  parseGitPatterns,
  type Subject,
} from './ignore-pattern.ts'
import { RuleList } from './ignore-rule-list.ts'
import type { IgnoreSource, IgnoreSpec } from './ignore-spec.ts'
import { type IgnoreComplaint, parseStignorePatterns } from './ignore-syncthing.ts'
import { decodePath, joinPath, nameOf, type Path, parentOf } from './path.ts'
import { type SyncPolicy, twoWay } from './sync-policy.ts'

export interface IgnoreReason {
  rule: string
  /** The file that holds the rule; `default` for one of ours, `always` for one that nothing overrides. */
  source: string
  line?: number
}

export interface IgnoreRules {
  /** True for a path that is not synced. What lies in an ignored folder is ignored with it. */
  ignored(path: Path, isDir: boolean): boolean
  /** Why it is ignored; null where it is not. */
  explain(path: Path, isDir: boolean): IgnoreReason | null
  /** True for a folder that must be looked into although a rule leaves it out: it holds something to include. */
  mayContainIncluded(dir: Path): boolean
  /** Whose changes travel. */
  readonly policy: SyncPolicy
  /** Lines that could not be understood. */
  readonly complaints: readonly IgnoreComplaint[]
}

/** Same spec, same answers, at both ends. */
export function compileIgnore(spec: IgnoreSpec): IgnoreRules {
  return new CompiledIgnore(spec)
}

/** What holds for the content of a folder. */
interface FolderState {
  /** Leaves out all of it, whatever other rules say. */
  closedBy: Pattern | undefined
  /** Index of the ordered rule that decided about the folder; -1: none. */
  inherited: number
  /** An `include` named the folder or one above it. */
  included: boolean
  /** The folder's own first, then those of the folders above, then the defaults. */
  lists: RuleList[]
}

/** Rules, to which those of files found later can be added: before anything below their folder is asked for. */
export class CompiledIgnore implements IgnoreRules {
  readonly policy: SyncPolicy
  readonly complaints: IgnoreComplaint[] = []
  readonly #foldsCase: boolean
  /** Some pattern does, if only one of a `(?i)`. */
  #folds: boolean
  readonly #lists = new Map<Path, RuleList[]>()
  readonly #defaults: RuleList[]
  readonly #residue: RuleList[]
  readonly #includes: Pattern[] = []
  /** Folders on the way to something that is included. */
  readonly #ways = new Set<string>()
  readonly #states = new Map<Path, FolderState>()
  #latest: { dir: Path; state: FolderState } | undefined
  /** What is matched now; one object for all, since this runs for each file of a scan. */
  readonly #subject: Subject = { text: '', folded: '', nameAt: 0, baseAt: 0, isDir: false }
  /** Index of the ordered rule that decided last. */
  #decidedAt = -1

  constructor(spec: IgnoreSpec) {
    this.policy = spec.policy ?? twoWay
    this.#foldsCase = spec.foldsCase
    this.#folds = spec.foldsCase
    const residue = [...defaultPatterns(residueRules, 'file'), ...defaultPatterns(residueFolderRules, 'dir')]
    this.#residue = [new RuleList(0, residue, false)]
    const generated = new RuleList(0, defaultPatterns(generatedRules, 'dir'), false)
    this.#defaults = spec.withoutGenerated ? [...this.#residue, generated] : this.#residue
    for (const [index, glob] of spec.include.entries()) this.#addInclude(glob, index + 1)
    for (const source of spec.sources) this.add(source)
  }

  /** Behind those of the same folder that are there already. */
  add(source: IgnoreSource): void {
    const ordered = source.syntax === 'syncthing'
    const file = { file: source.file, firstLine: source.firstLine ?? 1, foldsCase: this.#foldsCase }
    const patterns = ordered
      ? parseStignorePatterns(source.text, file, this.complaints)
      : parseGitPatterns(source.text, file)
    const lists = this.#lists.get(source.dir) ?? []
    const baseAt = source.dir === '' ? 0 : byteText(source.dir).length + 1
    const last = lists.at(-1)
    if (ordered && last?.ordered) lists.splice(-1, 1, new RuleList(baseAt, [...patterns, ...last.patterns], true))
    else lists.push(new RuleList(baseAt, patterns, ordered))
    this.#lists.set(source.dir, lists)
    for (const pattern of patterns) {
      this.#folds ||= pattern.foldsCase
      if (ordered && pattern.negated) this.#addWay(pattern)
    }
    this.#states.clear()
    this.#latest = undefined
  }

  ignored(path: Path, isDir: boolean): boolean {
    return path !== '' && this.#decide(path, isDir) !== undefined
  }

  explain(path: Path, isDir: boolean): IgnoreReason | null {
    const pattern = path === '' ? undefined : this.#decide(path, isDir)
    if (pattern === undefined) return null
    const { rule, file: source, line } = pattern
    return line === 0 ? { rule, source } : { rule, source, line }
  }

  mayContainIncluded(dir: Path): boolean {
    return dir === '' || this.#ways.has(this.#wayKey(dir)) || this.#stateOf(dir).included
  }

  /** The rule that leaves it out. */
  #decide(path: Path, isDir: boolean): Pattern | undefined {
    const parent = this.#stateOf(parentOf(path))
    if (parent.closedBy === protectedName || isProtectedName(nameOf(path))) return protectedName
    this.#setSubject(path, isDir)
    if (this.#isIncluded()) return undefined
    if (parent.included) return this.#ruleOf(this.#residue, -1)
    const rule = parent.closedBy ?? this.#ruleOf(parent.lists, parent.inherited)
    if (rule === undefined || (isDir && this.#ways.has(this.#wayKey(path)))) return undefined
    return rule.negated ? undefined : rule
  }

  #stateOf(dir: Path): FolderState {
    if (this.#latest?.dir === dir) return this.#latest.state
    let state = this.#states.get(dir)
    if (state === undefined) {
      state = this.#makeState(dir)
      if (this.#states.size >= statesMax) this.#states.clear()
      this.#states.set(dir, state)
    }
    this.#latest = { dir, state }
    return state
  }

  #makeState(dir: Path): FolderState {
    const own = this.#lists.get(dir)
    if (dir === '') {
      return { closedBy: undefined, inherited: -1, included: false, lists: [...(own ?? []), ...this.#defaults] }
    }
    const parent = this.#stateOf(parentOf(dir))
    if (parent.closedBy === protectedName || isProtectedName(nameOf(dir))) {
      return { closedBy: protectedName, inherited: -1, included: false, lists: [] }
    }
    this.#setSubject(dir, true)
    const lists = own === undefined ? parent.lists : [...own, ...parent.lists]
    if (parent.included || this.#isIncluded()) return { closedBy: undefined, inherited: -1, included: true, lists }
    if (parent.closedBy !== undefined) return parent
    const rule = this.#ruleOf(parent.lists, parent.inherited)
    const isClosed = rule !== undefined && !rule.negated && this.#decidedAt < 0
    return { closedBy: isClosed ? rule : undefined, inherited: this.#decidedAt, included: false, lists }
  }

  /** The rule that has the last word about the subject, be it for or against. Sets `#decidedAt`. */
  #ruleOf(lists: RuleList[], inherited: number): Pattern | undefined {
    this.#decidedAt = -1
    for (const list of lists) {
      const index = list.lastMatch(this.#subject, list.ordered ? inherited : -1)
      if (index < 0) continue
      if (list.ordered) this.#decidedAt = index
      return list.patterns[index]
    }
    return undefined
  }

  #isIncluded(): boolean {
    this.#subject.baseAt = 0
    return this.#includes.some(pattern => matchesPattern(pattern, this.#subject))
  }

  #setSubject(path: Path, isDir: boolean): void {
    const text = byteText(path)
    const subject = this.#subject
    subject.text = text
    subject.folded = this.#folds ? foldedText(text) : text
    subject.nameAt = text.lastIndexOf('/') + 1
    subject.isDir = isDir
  }

  #addInclude(glob: string, line: number): void {
    const body = glob.startsWith('/') ? glob : `/${glob}`
    const source = { file: includeSource, firstLine: line, foldsCase: this.#foldsCase }
    const pattern = parseGitPattern(body, source)
    if (pattern === undefined || glob.startsWith('!')) {
      this.complaints.push({ file: includeSource, line, message: `${glob} is no pattern of what to include` })
      return
    }
    this.#includes.push(pattern)
    this.#addWay(pattern)
  }

  /** The folders that a pattern names, down to its first glob. */
  #addWay(pattern: Pattern): void {
    const parts = pattern.anywhere ? [] : pattern.literal.split('/')
    let way = ''
    for (const part of parts.slice(0, -1)) {
      way = joinPath(way, decodePath(Buffer.from(part, 'latin1')))
      this.#ways.add(this.#wayKey(way))
    }
  }

  #wayKey(dir: Path): string {
    return this.#foldsCase ? dir.toLowerCase() : dir
  }
}

const statesMax = 100_000
const includeSource = 'include'

const protectedName: Pattern = {
  rule: '.git, .podswap',
  file: 'always',
  line: 0,
  negated: false,
  only: undefined,
  anywhere: true,
  literal: '',
  glob: undefined,
  suffix: undefined,
  foldsCase: false,
}

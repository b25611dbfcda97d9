import { matchesPattern, type Pattern, type Subject } from './ignore-pattern.ts'

/** The rules of one folder's file, the last one that matches deciding; sorted by the byte that must be there. */
export class RuleList {
  /** Where paths below the file's folder begin in a byte text. */
  readonly baseAt: number
  /** What a rule says about a folder holds below it, too, against rules that stand before it here (Syncthing). */
  readonly ordered: boolean
  readonly patterns: readonly Pattern[]
  /** Indexes into `patterns`, highest first, by the first byte of the name, … */
  readonly #byName: Buckets = new Map()
  /** … by the first byte of the path below the folder, … */
  readonly #byPath: Buckets = new Map()
  /** … by the last byte; … */
  readonly #byEnd: Buckets = new Map()
  /** … and those that may match anything. */
  readonly #others: number[] = []

  constructor(baseAt: number, patterns: readonly Pattern[], ordered: boolean) {
    this.baseAt = baseAt
    this.patterns = patterns
    this.ordered = ordered
    for (let i = patterns.length - 1; i >= 0; i--) this.#bucketOf(patterns[i]!).push(i)
  }

  /** Index of the last rule above `above` that speaks of the subject; `above` where none does. */
  lastMatch(subject: Subject, above: number): number {
    subject.baseAt = this.baseAt
    const { text, nameAt, baseAt } = subject
    let best = this.#lastIn(this.#others, subject, above)
    best = this.#lastIn(this.#byName.get(text.charCodeAt(nameAt)), subject, best)
    best = this.#lastIn(this.#byPath.get(text.charCodeAt(baseAt)), subject, best)
    return this.#lastIn(this.#byEnd.get(text.charCodeAt(text.length - 1)), subject, best)
  }

  #lastIn(indexes: number[] | undefined, subject: Subject, above: number): number {
    if (indexes === undefined) return above
    for (const index of indexes) {
      if (index <= above) break
      if (matchesPattern(this.patterns[index]!, subject)) return index
    }
    return above
  }

  #bucketOf({ literal, suffix, anywhere, foldsCase }: Pattern): number[] {
    if (foldsCase) return this.#others
    if (suffix !== undefined && suffix !== '') return bucket(this.#byEnd, suffix.charCodeAt(suffix.length - 1))
    if (literal === '') return this.#others
    return bucket(anywhere ? this.#byName : this.#byPath, literal.charCodeAt(0))
  }
}

type Buckets = Map<number, number[]>

function bucket(buckets: Buckets, byte: number): number[] {
  let indexes = buckets.get(byte)
  if (indexes === undefined) {
    indexes = []
    buckets.set(byte, indexes)
  }
  return indexes
}

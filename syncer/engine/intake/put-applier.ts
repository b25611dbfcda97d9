import { ProtocolError } from '../../base/errors.ts'
import { absent, folder, isExecutable, isFile, kindOf, type Token } from '../../core/content.ts'
import { isMuted } from '../../core/sync-policy.ts'
import { withExecutable } from '../../endpoint/file-stat.ts'
import type { Unstaged } from '../../endpoint/landing.ts'
import type { Outcome } from '../../endpoint/outcome.ts'
import type { Replacement } from '../../endpoint/replace.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Put } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { parentStands, standsAsShadow } from '../exchange/in-the-way.ts'
import type { CopiesBeside } from './copies-beside.ts'
import { contentOf } from './put-content.ts'
import type { PutOutcomes } from './put-outcomes.ts'

/**
 * Files whose content changes places at once: until then their folders stay open. Few enough that several times as many
 * come in one turn, so that the next ones are made ready while these change places.
 */
const changedAtOnceDefault = 16
/** Files that the disk makes as well: no folder is open for them. */
const landedAtOnceDefault = 64
/** Bytes of their content: what one request to a native program takes. */
const landedBytesMax = 192 * 1024

/** Brings what PUTs say into the folder: what only takes a file's place is begun, and several change places at once. */
export class PutApplier {
  private readonly x: Exchange
  private readonly outcomes: PutOutcomes
  private readonly copies: CopiesBeside
  private readonly changedAtOnceMax: number
  private readonly landedAtOnceMax: number
  /** What only takes a file's place, in the order of its PUTs: everything but the change of places is done. */
  private readonly begun = new Map<Entry, { put: Put; replacement: Replacement }>()
  /** The same of content that has no file yet. */
  private readonly unstaged = new Map<Entry, { put: Put; file: Unstaged }>()
  private unstagedBytes = 0
  /** Of these: those that change places now, and what ends that. */
  private changing: { puts: Map<Entry, Put>; end: () => (Outcome | 'unplaced')[] } | undefined
  /** Judges a PUT by what stands there now: what was known of it is not so any more. */
  private readonly judgeAnew: (entry: Entry, put: Put) => void

  /** @param changedAtOnceMax files that change places at once at most */
  constructor(
    exchange: Exchange,
    outcomes: PutOutcomes,
    copies: CopiesBeside,
    judgeAnew: (entry: Entry, put: Put) => void,
    changedAtOnceMax: number | undefined,
  ) {
    this.x = exchange
    this.judgeAnew = judgeAnew
    this.outcomes = outcomes
    this.copies = copies
    this.changedAtOnceMax = changedAtOnceMax ?? changedAtOnceDefault
    this.landedAtOnceMax = changedAtOnceMax ?? landedAtOnceDefault
  }

  /** Everything is done but the change of places. */
  isBegun(entry: Entry): boolean {
    return this.begun.has(entry) || this.unstaged.has(entry)
  }

  isUnderWay(entry: Entry): boolean {
    return this.isBegun(entry) || this.changing?.puts.has(entry) === true
  }

  /** As many are begun of one kind as change places at once. */
  get isFull(): boolean {
    const isFullToLand = this.unstaged.size >= this.landedAtOnceMax || this.unstagedBytes >= landedBytesMax
    return isFullToLand || this.begun.size >= this.changedAtOnceMax
  }

  /** Does what was begun: to be called before any other message is taken, and when there is none. */
  finish(): void {
    while (this.begun.size + this.unstaged.size > 0 || this.changing !== undefined) this.change()
  }

  /** What was begun changes places: the next ones can be made ready meanwhile. */
  change(): void {
    // What is judged anew then may have begun another.
    while (this.changing !== undefined) this.endChange()
    if (this.begun.size + this.unstaged.size === 0) return
    const { applier } = this.x.replica
    const puts = new Map<Entry, Put>()
    for (const [entry, { put }] of [...this.begun, ...this.unstaged]) puts.set(entry, put)
    const replacements = [...this.begun.values()].map(({ replacement }) => replacement)
    const files = [...this.unstaged.values()].map(({ file }) => file)
    this.begun.clear()
    this.unstaged.clear()
    this.unstagedBytes = 0
    const ends = [applier.finish(replacements), applier.landing.begin(files)]
    this.changing = { puts, end: () => ends.flatMap(end => end()) }
  }

  private endChange(): void {
    const { changing } = this
    if (changing === undefined) return
    this.changing = undefined
    const outcomes = changing.end()
    let at = 0
    for (const [entry, put] of changing.puts) {
      const outcome = outcomes[at++]!
      if (outcome === 'unplaced') {
        this.judgeAnew(entry, put)
        if (this.isFull) this.change()
        continue
      }
      if (outcome.result === 'done') this.outcomes.applied(entry, put)
      else this.outcomes.notDone(entry, put, outcome)
      this.outcomes.lookAgain(entry)
    }
  }

  /**
   * Begins to change a file that stands there as it was seen last, where the disk itself asks whether it still does.
   * @returns false where it must be looked at first
   */
  takesUnseen(entry: Entry, put: Put): boolean {
    const { x } = this
    const { key: before, current } = entry
    const isKnown = isFile(put.base) && current === put.base && before?.kind === 'file' && !before.mount && !entry.racy
    if (!isKnown || !isFile(put.data) || put.bytes === undefined || put.staged !== undefined) return false
    if (!x.replica.applier.landing.isThere || entry.shadow || !parentStands(entry)) return false
    const mode = withExecutable(before.mode & 0o777, isExecutable(put.data))
    const from = x.replica.stage.plan(put.data, put.bytes, put.mtimeMs, put.live, mode)
    if (from === undefined) throw new ProtocolError('content that does not match its hash')
    // In the order of their PUTs, whichever way they go.
    if (this.begun.size > 0) this.change()
    this.unstaged.set(entry, { put, file: { entry, path: put.path, expected: current, before, data: put.data, from } })
    this.unstagedBytes += put.bytes.length
    return true
  }

  /** Changes what is at the path, which holds `current`, or begins to; what became of it is told. */
  apply(entry: Entry, put: Put, current: Token): void {
    const { x } = this
    if (put.data !== absent && !parentStands(entry) && !this.makeParents(entry, put)) return
    const isShadow = put.data !== folder && standsAsShadow(x, entry)
    if (put.data !== absent && (isShadow || (current === folder && x.role === 'laptop'))) {
      if (!this.removeFolder(entry, put)) return
      current = absent
    }
    const staged = contentOf(x.replica, entry, put, current)
    const outcome =
      staged !== undefined && 'result' in staged
        ? staged
        : x.replica.applier.begin(entry, put.path, current, put.data, staged)
    if (!('result' in outcome)) {
      if (this.unstaged.size > 0) this.change()
      this.begun.set(entry, { put, replacement: outcome })
    } else if (outcome.result === 'done') this.outcomes.applied(entry, put)
    else this.outcomes.notDone(entry, put, outcome)
  }

  /** @returns whether its folder stands; otherwise what becomes of the PUT is told */
  private makeParents(entry: Entry, put: Put): boolean {
    const { x } = this
    const parents = x.replica.applier.ensureParents(entry)
    if (parents.result === 'done') return true
    if (parents.result === 'changed' && x.role === 'laptop') this.keepBoth(entry, put)
    else if (parents.result === 'changed' && isMuted(x.policy, x.role))
      this.outcomes.blocked(put, 'ENOTDIR', 'cannot be written: something that is only here has the name of its folder')
    else this.outcomes.notDone(entry, put, parents)
    return false
  }

  /** @returns whether the folder in the way of something else is gone; otherwise what becomes of the PUT is told */
  private removeFolder(entry: Entry, put: Put): boolean {
    const { x } = this
    const emptied = x.replica.applier.put(entry, put.path, folder, absent, undefined)
    if (emptied.result === 'done') return true
    if (emptied.result === 'not-empty' && x.role === 'laptop') this.keepBoth(entry, put)
    else this.outcomes.notDone(entry, put, emptied)
    return false
  }

  /** Both ends hold something the other never had: ours keeps the name, theirs gets one of its own, durably. */
  keepBoth(entry: Entry, put: Put): void {
    if (kindOf(put.data) === 'dir' || kindOf(put.data) === 'absent') {
      this.outcomes.accept(entry, put)
      return
    }
    const staged = contentOf(this.x.replica, entry, put, absent)
    if (staged === undefined || 'result' in staged) {
      this.outcomes.notDone(entry, put, staged ?? { result: 'need' })
      return
    }
    const refusal = this.copies.save(entry, put, staged, at => this.isUnderWay(at))
    if (refusal === undefined) this.outcomes.accept(entry, put)
    else this.outcomes.refuse(put, refusal)
  }
}

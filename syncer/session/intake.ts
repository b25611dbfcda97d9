import { errnoOf, ProtocolError } from '../base/errors.ts'
import { absent, folder, isFile, kindOf, type Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { answerPut, judgePut } from '../core/reconcile.ts'
import { isMuted } from '../core/sync-policy.ts'
import { granuleMs, inTree, type Listed } from '../disk/disk.ts'
import type { Look } from '../endpoint/look.ts'
import type { Outcome } from '../endpoint/outcome.ts'
import type { Replacement } from '../endpoint/replace.ts'
import type { Scanner } from '../endpoint/scanner.ts'
import type { Entry } from '../endpoint/tree.ts'
import type { Compare, Move, Put, RejReason } from '../wire/sync-message.ts'
import { CopiesBeside } from './copies-beside.ts'
import { DeleteGuard } from './delete-guard.ts'
import type { Exchange } from './exchange.ts'
import { GraftIntake, type NewFolders } from './graft-intake.ts'
import { MoveIntake } from './moves.ts'
import { contentOf } from './put-content.ts'

/**
 * Files whose content changes places at once: until then their folders stay open. Few enough that several times as many
 * come in one turn, so that the next ones are made ready while these change places.
 */
const changedAtOnceDefault = 16

export interface IntakeOptions {
  /** Files that change places at once at most. */
  changedAtOnceMax?: number
  /** Laptop only: so many of the pod's removals at once are let through, whatever share of all they are; 50 when absent. */
  deletesMax?: number
}

/** Applies the other end's changes: the incoming half of the state table. */
export class Intake {
  readonly guard: DeleteGuard
  readonly copies: CopiesBeside
  private readonly x: Exchange
  private readonly scanner: Scanner
  private readonly folders: NewFolders
  private readonly grafts: GraftIntake
  private readonly moves: MoveIntake
  private readonly changedAtOnceMax: number
  /** New files whose place turned out to be taken: the next time it is looked at first. */
  private readonly refused = new Set<Entry>()
  /** What only takes a file's place, in the order of its PUTs: everything but the change of places is done. */
  private readonly begun = new Map<Entry, { put: Put; replacement: Replacement }>()
  /** Of these: those that change places now, and what ends that. */
  private changing: { puts: Map<Entry, Put>; end: () => Outcome[] } | undefined

  constructor(exchange: Exchange, scanner: Scanner, folders: NewFolders, options: IntakeOptions = {}) {
    this.changedAtOnceMax = options.changedAtOnceMax ?? changedAtOnceDefault
    this.folders = folders
    this.guard = new DeleteGuard(options.deletesMax)
    this.x = exchange
    this.copies = new CopiesBeside(exchange)
    this.scanner = scanner
    this.grafts = new GraftIntake(exchange, folders)
    this.moves = new MoveIntake(
      exchange,
      path => folders.failed(path),
      folder => scanner.add(folder, true),
    )
  }

  reset(): void {
    this.guard.reset()
    this.refused.clear()
  }

  onPut(put: Put): void {
    const { x } = this
    if (!x.live) throw new ProtocolError('a change before the agreements')
    if (x.isDeaf || x.rules.ignored(put.path, put.data === folder)) {
      this.refuse(put, 'ignored')
      return
    }
    const entry = x.replica.tree.ensure(put.path)
    // Names appear and go in the order in which they did at the other end.
    const mayWait = isFile(put.base) && isFile(put.data) && !this.isUnderWay(entry)
    if (!mayWait) this.finish()
    else if (this.begun.size >= this.changedAtOnceMax) this.change()
    if (put.data === folder && put.staged !== undefined) this.judgeGraft(entry, put, put.staged)
    else if (x.role === 'laptop' && this.isRemoval(entry, put)) this.guard.add(put, x.clock.monotonic())
    else this.judge(entry, put)
  }

  /** Does what was begun: to be called before any other message is taken, and when there is none. */
  finish(): void {
    this.change()
    this.endChange()
  }

  /** What was begun changes places: the next ones can be made ready meanwhile. */
  private change(): void {
    this.endChange()
    if (this.begun.size === 0) return
    const puts = new Map<Entry, Put>()
    const replacements: Replacement[] = []
    for (const [entry, { put, replacement }] of this.begun) {
      puts.set(entry, put)
      replacements.push(replacement)
    }
    this.begun.clear()
    this.changing = { puts, end: this.x.replica.applier.finish(replacements) }
  }

  private endChange(): void {
    const { changing } = this
    if (changing === undefined) return
    this.changing = undefined
    const outcomes = changing.end()
    let at = 0
    for (const [entry, put] of changing.puts) {
      const outcome = outcomes[at++]!
      if (outcome.result === 'done') this.applied(entry, put)
      else this.notDone(entry, put, outcome)
      this.lookAgain(entry)
    }
  }

  private isUnderWay(entry: Entry): boolean {
    return this.begun.has(entry) || this.changing?.puts.has(entry) === true
  }

  /** @returns whether the folder has its new name */
  onMove(move: Move): boolean {
    const { x } = this
    if (!x.live) throw new ProtocolError('a change before the agreements')
    const { seq, path } = move
    if (x.isDeaf) {
      x.send('control', { type: 'rej', seq, path, reason: 'ignored' })
      return false
    }
    const parents = (entry: Entry) =>
      this.parentStands(entry) || x.replica.applier.ensureParents(entry).result === 'done'
    const entry = this.moves.take(move, parents)
    if (entry === undefined) {
      x.send('control', { type: 'rej', seq, path, reason: 'need' })
      return false
    }
    x.problem(path, '', '')
    x.send('control', { type: 'ack', seq, path })
    x.recent.add(entry, x.clock.monotonic())
    this.queueParents(entry)
    // Before it is read it is watched: what came in between shows.
    this.scanner.add(entry, true)
    return true
  }

  /** What does not travel is told of neither. */
  onCompare({ id, path, source, token = absent, key }: Compare): void {
    const { x } = this
    if (!x.live) throw new ProtocolError('a comparison before the agreements')
    const wanted = source === undefined ? [path] : [path, source]
    const paths = wanted.filter(each => !x.isDeaf && !x.rules.ignored(each, false))
    x.replica.assemblies.compare(id, path, { paths, token: paths.length === 0 ? absent : token }, key)
  }

  /** Answers about a path must not overtake a change of it that is held back. */
  judgeHeld(path: Path): void {
    const put = this.guard.takeOne(path)
    if (put !== undefined) this.judge(this.x.replica.tree.ensure(path), put)
    this.finish()
  }

  /** Judges the removals that were held back. */
  tick(nowMs: number): void {
    const { x } = this
    const burst = this.guard.take(nowMs, x.replica.tree.size)
    if (burst !== undefined && !burst.allowed) x.emit({ type: 'halted', deletes: burst.puts.length })
    for (const put of burst?.puts ?? []) {
      if (burst!.allowed) this.judge(x.replica.tree.ensure(put.path), put)
      else this.refuse(put, 'halted')
    }
    this.finish()
    if (this.guard.takeResumed(nowMs)) x.emit({ type: 'resumed' })
  }

  private judge(entry: Entry, put: Put): void {
    const { x } = this
    if (this.isInMount(entry)) {
      this.refuse(put, 'failed')
      return
    }
    const look = this.look(entry, put)
    // Refused and offered again, not kept waiting: nothing about one path may change its order.
    if (look.state === 'busy') {
      if (look.isReading) x.queue(entry, true)
      this.refuse(put, 'changed')
      return
    }
    if (look.state === 'barred') {
      x.problem(put.path, look.code, `${put.path} cannot be changed here`)
      this.refuse(put, 'failed')
      return
    }
    if (x.role === 'pod') this.judgeAtPod(entry, put, look.token)
    else this.judgeAtLaptop(entry, put, look.token)
    if (!this.begun.has(entry)) this.lookAgain(entry)
  }

  /** A whole subtree, at the pod. */
  private judgeGraft(entry: Entry, put: Put, id: number): void {
    const { x } = this
    const graft = x.replica.grafts.take(id)
    if (graft === undefined || graft.path !== put.path) {
      if (graft !== undefined) x.replica.grafts.discard(graft)
      this.refuse(put, 'need')
      return
    }
    const look = this.look(entry, put)
    const isFree = look.state === 'known' && look.token === absent && put.base === absent && entry.agreed === absent
    const hasPlace = isFree && (this.parentStands(entry) || x.replica.applier.ensureParents(entry).result === 'done')
    if (!hasPlace) x.replica.grafts.discard(graft)
    const refusal = hasPlace ? this.grafts.plant(entry, graft) : 'changed'
    if (refusal === undefined) this.applied(entry, put)
    else this.refuse(put, refusal)
    this.lookAgain(entry)
  }

  /** Another file system is mounted on a folder that it is in, which is told of that folder: nothing in there is touched. */
  private isInMount({ parent }: Entry): boolean {
    const { problems } = this.x
    if (problems.size === 0) return false
    for (let at = parent; at !== null && at.parent !== null; at = at.parent) {
      const { path } = at
      if (problems.get(path)?.code === 'mount-point' && this.isMount(path)) return true
    }
    return false
  }

  /** What was told of it stays while the folder itself cannot be changed for another reason: it may be gone since. */
  private isMount(path: Path): boolean {
    try {
      if (this.x.replica.disk.stat(inTree(path))?.mount === true) return true
      this.x.problem(path, '', '')
      return false
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return true
    }
  }

  private lookAgain(entry: Entry): void {
    const { x } = this
    // What was just put there and is known to stand there needs no second look: a later change tells of itself.
    if (entry.current !== entry.agreed || (entry.key === null) !== (entry.current === absent)) x.retryNow(entry)
    else {
      x.noRetry(entry)
      // Its own offer would have woken what waits for it here: what is in it, or its folder, which is to leave after it.
      const isAwaited = entry.children !== null || (entry.parent !== null && x.waiting.has(entry.parent))
      if (isAwaited) x.queue(entry, false)
    }
  }

  /**
   * Whether it takes away what is still here. A folder that becomes a file goes after what was in it, so it must not
   * overtake that.
   */
  private isRemoval(entry: Entry, put: Put): boolean {
    const isGoing = put.data === absent || (put.base === folder && put.data !== folder)
    if (!isGoing || this.isSentToo(entry, put)) return false
    // What is known may be a moment old, and what is back since counts.
    return this.isThoughtGone(entry, put.data) ? this.isBack(entry, put) : true
  }

  private isThoughtGone({ current, parent }: Entry, data: Token): boolean {
    if (data === absent ? current === absent : current !== folder) return true
    for (let at = parent; at !== null && at.parent !== null; at = at.parent) if (at.current !== folder) return true
    return false
  }

  private isBack(entry: Entry, { path, data }: Put): boolean {
    if (entry.shadow) return false
    try {
      const stat = this.x.replica.disk.stat(inTree(path))
      return data === absent ? stat !== null : stat?.kind === 'dir'
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return true
    }
  }

  /** Both ends made the same change at once: what stands here now is what came after it. */
  private isSentToo(entry: Entry, { data }: Put): boolean {
    const flight = this.x.flights.get(entry)
    return flight !== undefined && flight.data === data && !flight.stale
  }

  private look(entry: Entry, put: Put): Look {
    if (this.x.holds.has(entry)) return { state: 'busy' }
    // Nothing was ever seen here and something new comes: making it fails where something stands after all.
    const isNew = put.base === absent && entry.current === absent && entry.key === null && entry.agreed === absent
    if (isNew && kindOf(put.data) === 'file' && !this.refused.delete(entry)) return { state: 'known', token: absent }
    return this.x.replica.looker.look(entry, put.path)
  }

  private judgeAtPod(entry: Entry, put: Put, current: Token): void {
    const answer = answerPut(put, current, this.x.policy)
    if (answer === 'equal') this.accept(entry, put)
    else if (answer === 'apply') this.apply(entry, put, current)
    else {
      this.believeBase(entry, put)
      this.refuse(put, 'changed')
    }
  }

  /**
   * The laptop owns the ancestor, and a PUT's base is that. With nothing of ours under way it differs from what we remember
   * only where rules made us forget an answer: refused for ever, neither end would tell the other more.
   */
  private believeBase(entry: Entry, put: Put): void {
    if (!this.x.flights.has(entry)) this.x.agree(entry, put.base)
  }

  private judgeAtLaptop(entry: Entry, put: Put, current: Token): void {
    if (this.isSentToo(entry, put)) {
      this.accept(entry, put)
      return
    }
    const verdict = judgePut(put, current, entry.agreed, this.x.policy)
    switch (verdict) {
      case 'equal':
      case 'push':
        this.accept(entry, put)
        return
      case 'pull':
        this.apply(entry, put, current)
        return
      case 'conflict':
        this.keepBoth(entry, put)
    }
  }

  private apply(entry: Entry, put: Put, current: Token): void {
    const { x } = this
    if (put.data !== absent && !this.parentStands(entry)) {
      const parents = x.replica.applier.ensureParents(entry)
      if (parents.result === 'changed' && x.role === 'laptop') {
        this.keepBoth(entry, put)
        return
      }
      if (parents.result === 'changed' && isMuted(x.policy, x.role)) {
        this.blocked(put, 'ENOTDIR', 'cannot be written: something that is only here has the name of its folder')
        return
      }
      if (parents.result !== 'done') {
        this.notDone(entry, put, parents)
        return
      }
    }
    const isShadow = put.data !== folder && this.standsAsShadow(entry)
    if (put.data !== absent && (isShadow || (current === folder && x.role === 'laptop'))) {
      const emptied = x.replica.applier.put(entry, put.path, folder, absent, undefined)
      if (emptied.result === 'not-empty' && x.role === 'laptop') this.keepBoth(entry, put)
      else if (emptied.result !== 'done') this.notDone(entry, put, emptied)
      if (emptied.result !== 'done') return
      current = absent
    }
    const staged = contentOf(x.replica, entry, put, current)
    const outcome =
      staged !== undefined && 'result' in staged
        ? staged
        : x.replica.applier.begin(entry, put.path, current, put.data, staged)
    if (!('result' in outcome)) this.begun.set(entry, { put, replacement: outcome })
    else if (outcome.result === 'done') this.applied(entry, put)
    else this.notDone(entry, put, outcome)
  }

  /** A folder that stayed for what does not travel; forgotten where somebody has removed it since. */
  private standsAsShadow(entry: Entry): boolean {
    if (!entry.shadow) return false
    try {
      entry.shadow = this.x.replica.disk.stat(inTree(entry.path))?.kind === 'dir'
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
    return entry.shadow
  }

  /** As far as is known; where it is not so any more the change fails and is judged again. */
  private parentStands(entry: Entry): boolean {
    const { parent } = entry
    return parent === null || parent.parent === null || (parent.current === folder && parent.agreed === folder)
  }

  private applied(entry: Entry, put: Put): void {
    const { x } = this
    if (put.data === absent) {
      entry.current = absent
      entry.key = null
    }
    this.accept(entry, put)
    x.recent.add(entry, x.clock.monotonic())
    if (put.base === absent) x.recentNew.add(entry, x.clock.monotonic())
    this.queueParents(entry)
    if (put.data === folder && put.staged === undefined) {
      if (entry.key !== null) x.replica.renamed.note(entry)
      this.folders.made(entry)
    }
    if (entry.racy) x.holds.later(entry, x.clock.monotonic(), granuleMs(x.replica.disk) + 1)
    x.emit({ type: 'changed', path: put.path, direction: 'in' })
  }

  private notDone(entry: Entry, put: Put, outcome: Outcome): void {
    const { x } = this
    entry.key = null
    if (outcome.result === 'changed') this.refused.add(entry)
    // Nobody else will ever be told of what is only here.
    if (outcome.result === 'not-empty' && (isMuted(x.policy, x.role) || this.onlyIgnoredLeft(entry))) {
      if (put.data === absent) this.stays(entry, put)
      else this.blocked(put, 'ENOTEMPTY', 'cannot be replaced: a folder is there that holds what is only here')
      return
    }
    if (outcome.result === 'not-empty') this.scanner.add(entry, false)
    if (outcome.result === 'not-empty' && x.role === 'laptop' && put.data === absent) {
      // What is new in the folder goes out on top; refused, both ends would wait for each other.
      this.accept(entry, put)
      return
    }
    if (outcome.result === 'failed') x.cannotMake(put.path, outcome.code, `${put.path} ${explain(outcome.code)}`)
    this.refuse(put, outcome.result === 'need' ? 'need' : outcome.result === 'failed' ? 'failed' : 'changed')
    if (outcome.result === 'changed' && entry.parent !== null) this.scanner.add(entry.parent, false)
  }

  /** A removed folder that holds what is only here: nothing of it is known any more. */
  private stays(entry: Entry, put: Put): void {
    entry.shadow = true
    entry.current = absent
    this.accept(entry, put)
    this.x.problem(put.path, 'kept', `${put.path} was removed at the other end; here it stays for what is only here`)
  }

  /** Somebody has to make room for it: it is told until then, and tried again. */
  private blocked(put: Put, code: 'ENOTDIR' | 'ENOTEMPTY', words: string): void {
    this.x.cannotMake(put.path, code, `${put.path} ${words}`)
    this.refuse(put, 'failed')
  }

  private onlyIgnoredLeft(entry: Entry): boolean {
    const path = entry.path
    try {
      const left = this.x.replica.disk.list(path)
      // What it stayed for may be gone since; to the other end it is gone all the same.
      if (left.length === 0) return entry.shadow
      const stays = ({ name, kind }: Listed) => {
        if (this.x.rules.ignored(`${path}/${name}`, kind === 'dir')) return true
        const below = entry.children?.get(name)
        return kind === 'dir' && below?.shadow === true && this.onlyIgnoredLeft(below)
      }
      return left.every(stays)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    }
  }

  /** Both ends hold something the other never had: ours keeps the name, theirs gets one of its own, durably. */
  private keepBoth(entry: Entry, put: Put): void {
    if (kindOf(put.data) === 'dir' || kindOf(put.data) === 'absent') {
      this.accept(entry, put)
      return
    }
    const staged = contentOf(this.x.replica, entry, put, absent)
    if (staged === undefined || 'result' in staged) {
      this.notDone(entry, put, staged ?? { result: 'need' })
      return
    }
    const copy = this.copies.save(put.path, staged)
    if (copy === undefined) this.refuse(put, 'failed')
    else {
      this.accept(entry, put)
      this.copies.announce(put.path, copy)
    }
  }

  /** Folders that were made or found on the way must be told of, too. */
  private queueParents(entry: Entry): void {
    for (let at = entry.parent; at !== null && at.parent !== null; at = at.parent) {
      if (at.agreed !== folder || at.current !== folder) this.x.queue(at, false)
    }
  }

  private accept(entry: Entry, put: Put): void {
    const flight = this.x.flights.get(entry)
    if (flight !== undefined && this.x.role === 'pod') flight.stale = true
    this.x.made(put.path)
    this.x.agree(entry, put.data)
    if (this.x.role === 'laptop') this.x.backAndForth.came(entry, put.data)
    this.x.send('control', { type: 'ack', seq: put.seq, path: put.path })
    if (put.staged !== undefined) this.dropStaged(put.staged)
  }

  private refuse(put: Put, reason: RejReason): void {
    this.x.send('control', { type: 'rej', seq: put.seq, path: put.path, reason })
    if (put.staged !== undefined) this.dropStaged(put.staged)
  }

  /** Content that no PUT will take. */
  dropStaged(id: number): void {
    const { stage, grafts, assemblies } = this.x.replica
    const staged = this.x.replica.takeStaged(id)
    if (staged !== undefined) stage.discard(staged)
    assemblies.forget(id)
    const graft = grafts.take(id)
    if (graft !== undefined) grafts.discard(graft)
  }
}

function explain(code: string): string {
  switch (code) {
    case 'name-taken':
      return 'cannot be beside what is there: its name differs in case or form alone, which is one name here'
    case 'name-refused':
    case 'EILSEQ':
      return 'has a name that this system does not allow'
    default:
      return 'could not be written'
  }
}

import { absent, folder } from '../../core/content.ts'
import { isMuted } from '../../core/sync-policy.ts'
import { granuleMs } from '../../disk/disk.ts'
import type { Outcome } from '../../endpoint/outcome.ts'
import type { Scanner } from '../../endpoint/scanner.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Put, RejReason } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { leftIn } from '../exchange/in-the-way.ts'
import type { NewFolders } from './graft-intake.ts'

/** Tells what became of a PUT: to the other end, to the tree, and to those who look again. */
export class PutOutcomes {
  private readonly x: Exchange
  private readonly scanner: Scanner
  private readonly folders: NewFolders
  /** New files whose place turned out to be taken: the next time it is looked at first. */
  private readonly refused = new Set<Entry>()
  private readonly replacing = new Set<Entry>()

  constructor(exchange: Exchange, scanner: Scanner, folders: NewFolders) {
    this.x = exchange
    this.scanner = scanner
    this.folders = folders
  }

  reset(): void {
    this.refused.clear()
    this.replacing.clear()
  }

  /** Its place turned out to be taken; told once. */
  takeRefused(entry: Entry): boolean {
    return this.refused.delete(entry)
  }

  /** Pod: what stands there is an edit that the laptop does not know, and is to give way. */
  replacesEdit(entry: Entry): void {
    this.replacing.add(entry)
  }

  applied(entry: Entry, put: Put): void {
    const { x } = this
    if (this.replacing.delete(entry)) x.send('control', { type: 'replaced', path: put.path })
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

  notDone(entry: Entry, put: Put, outcome: Outcome): void {
    const { x } = this
    this.replacing.delete(entry)
    entry.key = null
    if (outcome.result === 'not-empty') {
      this.notEmptied(entry, put)
      return
    }
    if (outcome.result === 'changed') this.refused.add(entry)
    if (outcome.result === 'failed')
      x.problems.cannotMake(put.path, outcome.code, `${put.path} ${explain(outcome.code)}`, put.data !== absent)
    this.refuse(put, outcome.result === 'need' ? 'need' : outcome.result === 'failed' ? 'failed' : 'changed')
    if (outcome.result === 'changed' && entry.parent !== null) this.scanner.add(entry.parent, false)
  }

  /** A folder that is to go holds something. */
  private notEmptied(entry: Entry, put: Put): void {
    const { x } = this
    const left = isMuted(x.policy, x.role) ? 'only-here' : leftIn(x, entry)
    // Nobody else will ever be told of what is only here.
    if (left === 'only-here') {
      if (put.data === absent) this.stays(entry, put)
      else this.blocked(put, 'ENOTEMPTY', 'cannot be replaced: a folder is there that holds what is only here')
      return
    }
    if (left !== 'more' && x.role === 'pod') {
      // What is in it never comes to the laptop, and refused as a change both would wait for that.
      this.blocked(put, left.code, 'cannot be removed: what is in it cannot be read')
      return
    }
    // What is in it goes out on its own, and may be why the folder is not to go any more.
    x.problems.made(put.path)
    this.scanner.add(entry, false)
    // What is new in the folder goes out on top; refused, both ends would wait for each other.
    if (x.role === 'laptop' && put.data === absent) this.accept(entry, put)
    else this.refuse(put, 'changed')
  }

  /** A removed folder that holds what is only here: nothing of it is known any more. */
  private stays(entry: Entry, put: Put): void {
    entry.shadow = true
    entry.current = absent
    this.accept(entry, put)
    this.x.problems.note(
      put.path,
      'kept',
      `${put.path} was removed at the other end; here it stays for what is only here`,
    )
  }

  /** Somebody has to make room for it: it is told until then, and tried again. */
  blocked(put: Put, code: string, words: string): void {
    this.x.problems.cannotMake(put.path, code, `${put.path} ${words}`, put.data !== absent)
    this.refuse(put, 'failed')
  }

  accept(entry: Entry, put: Put): void {
    const flight = this.x.flights.get(entry)
    if (flight !== undefined && this.x.role === 'pod') flight.stale = true
    this.x.problems.made(put.path)
    this.x.agree(entry, put.data)
    if (this.x.role === 'laptop') this.x.backAndForth.came(entry, put.data)
    this.x.send('control', { type: 'ack', seq: put.seq, path: put.path })
    if (put.staged !== undefined) this.dropStaged(put.staged)
  }

  refuse(put: Put, reason: RejReason): void {
    this.x.send('control', { type: 'rej', seq: put.seq, path: put.path, reason })
    if (put.staged !== undefined) this.dropStaged(put.staged)
  }

  lookAgain(entry: Entry): void {
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

  /** Folders that were made or found on the way must be told of, too. */
  queueParents(entry: Entry): void {
    for (let at = entry.parent; at !== null && at.parent !== null; at = at.parent) {
      if (at.agreed !== folder || at.current !== folder) this.x.queue(at, false)
    }
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

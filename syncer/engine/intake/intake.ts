import { ProtocolError } from '../../base/errors.ts'
import { absent, folder, isFile } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { Scanner } from '../../endpoint/scanner.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Move, Put } from '../../wire/change-message.ts'
import type { Compare } from '../../wire/content-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { parentStands } from '../exchange/in-the-way.ts'
import { MoveIntake } from '../offer/moves.ts'
import { CopiesBeside } from './copies-beside.ts'
import { DeleteGuard } from './delete-guard.ts'
import { GraftIntake, type NewFolders } from './graft-intake.ts'
import { PutApplier } from './put-applier.ts'
import { PutJudge } from './put-judge.ts'
import { PutOutcomes } from './put-outcomes.ts'
import { isRemoval } from './removals.ts'

export interface IntakeOptions {
  /** Files that change places at once at most. */
  changedAtOnceMax?: number
  /** Laptop only: so many of the pod's removals at once are let through, whatever share of all they are; 50 when absent. */
  deletesMax?: number
}

/** Takes the other end's changes: the incoming half of the state table. */
export class Intake {
  readonly guard: DeleteGuard
  readonly copies: CopiesBeside
  private readonly x: Exchange
  private readonly scanner: Scanner
  private readonly moves: MoveIntake
  private readonly outcomes: PutOutcomes
  private readonly applier: PutApplier
  private readonly judge: PutJudge

  constructor(exchange: Exchange, scanner: Scanner, folders: NewFolders, options: IntakeOptions = {}) {
    this.guard = new DeleteGuard(options.deletesMax)
    this.x = exchange
    this.copies = new CopiesBeside(exchange)
    this.scanner = scanner
    this.outcomes = new PutOutcomes(exchange, scanner, folders)
    const judgeAnew = (entry: Entry, put: Put) => this.judge.judge(entry, put, true)
    this.applier = new PutApplier(exchange, this.outcomes, this.copies, judgeAnew, options.changedAtOnceMax)
    this.judge = new PutJudge(exchange, this.outcomes, this.applier, new GraftIntake(exchange, folders))
    this.moves = new MoveIntake(
      exchange,
      path => folders.failed(path),
      folder => scanner.add(folder, true),
    )
  }

  reset(): void {
    this.guard.reset()
    this.outcomes.reset()
  }

  onPut(put: Put): void {
    const { x } = this
    if (!x.live) throw new ProtocolError('a change before the agreements')
    if (!this.travels(put)) {
      this.outcomes.refuse(put, 'ignored')
      return
    }
    const entry = x.replica.tree.ensure(put.path)
    // Names appear and go in the order in which they did at the other end.
    const mayWait = isFile(put.base) && isFile(put.data) && !this.applier.isUnderWay(entry)
    if (!mayWait) this.finish()
    else if (this.applier.isFull) this.applier.change()
    if (put.data === folder && put.staged !== undefined) this.judge.judgeGraft(entry, put, put.staged)
    else if (x.role === 'laptop' && isRemoval(x, entry, put)) this.guard.add(put, x.clock.monotonic())
    else this.judge.judge(entry, put)
  }

  /** Does what was begun: to be called before any other message is taken, and when there is none. */
  finish(): void {
    this.applier.finish()
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
    const parents = (entry: Entry) => parentStands(entry) || x.replica.applier.ensureParents(entry).result === 'done'
    const entry = this.moves.take(move, parents)
    if (entry === undefined) {
      x.send('control', { type: 'rej', seq, path, reason: 'need' })
      return false
    }
    x.problems.over(path)
    x.send('control', { type: 'ack', seq, path })
    x.recent.add(entry, x.clock.monotonic())
    this.outcomes.queueParents(entry)
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

  private travels({ path, data }: Put): boolean {
    return !this.x.isDeaf && !this.x.rules.ignored(path, data === folder)
  }

  /** The rules may leave it out since it was held back. */
  private judgeLate(put: Put): void {
    if (this.travels(put)) this.judge.judge(this.x.replica.tree.ensure(put.path), put)
    else this.outcomes.refuse(put, 'ignored')
  }

  /** Answers about a path must not overtake a change of it that is held back. */
  judgeHeld(path: Path): void {
    const put = this.guard.takeOne(path)
    if (put !== undefined) this.judgeLate(put)
    this.finish()
  }

  /** Judges the removals that were held back. */
  tick(nowMs: number): void {
    const { x } = this
    const burst = this.guard.take(nowMs, x.replica.tree.size)
    if (burst !== undefined && !burst.allowed) x.emit({ type: 'halted', deletes: burst.puts.length })
    for (const put of burst?.puts ?? []) {
      if (burst!.allowed) this.judgeLate(put)
      else this.outcomes.refuse(put, 'halted')
    }
    this.finish()
    if (this.guard.takeResumed(nowMs)) x.emit({ type: 'resumed' })
  }

  /** Content that no PUT will take. */
  dropStaged(id: number): void {
    this.outcomes.dropStaged(id)
  }
}

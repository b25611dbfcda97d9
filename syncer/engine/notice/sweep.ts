import type { Scanner } from '../../endpoint/scanner.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { GradualSweep } from './gradual-sweep.ts'

/** Reads the whole folder: from top to bottom where that is due, and gradually beside everything else. */
export class Sweep {
  private readonly x: Exchange
  private readonly scanner: Scanner
  private readonly ended: () => void
  private readonly gradual: GradualSweep
  private isRead = false
  private dueMs = Number.POSITIVE_INFINITY

  /** @param ended the folder was read from top to bottom */
  constructor(exchange: Exchange, scanner: Scanner, ended: () => void) {
    this.x = exchange
    this.scanner = scanner
    this.ended = ended
    this.gradual = new GradualSweep({
      replica: exchange.replica,
      scanner,
      ended: () => exchange.emit({ type: 'swept' }),
    })
  }

  /** All of the folder was read since that was last wanted. */
  get scanned(): boolean {
    return this.isRead
  }

  /** Reads the whole folder again, at once. */
  begin(): void {
    this.scanner.add(this.x.replica.tree.root, true)
    this.isRead = false
    this.dueMs = Number.POSITIVE_INFINITY
    this.gradual.stop()
  }

  /** @param ms at the latest; at once when absent */
  beginWithin(ms: number | undefined): void {
    if (ms === undefined) this.begin()
    else this.dueMs = Math.min(this.dueMs, this.x.clock.monotonic() + ms)
  }

  /** See `ScanEvents.passed`. */
  passed(entry: Entry): void {
    this.gradual.passed(entry)
  }

  tick(nowMs: number): void {
    if (nowMs >= this.dueMs) this.begin()
  }

  /** Reads on until `isOver`. */
  step(isOver: () => boolean): void {
    this.gradual.tick()
    this.scan(isOver)
    this.gradual.settle()
  }

  due(): number {
    return Math.min(this.dueMs, this.gradual.due())
  }

  private scan(isOver: () => boolean): void {
    if (this.scanner.idle && this.isRead) return
    if (!this.scanner.step(isOver) || this.isRead) return
    // What is not read yet would look to the other end as if it were not there.
    if (!this.x.live && !this.x.replica.looker.readOn(isOver)) return
    this.isRead = true
    this.gradual.begin()
    this.ended()
  }
}

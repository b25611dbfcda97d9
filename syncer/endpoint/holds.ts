import { TimerQueue } from '../base/timer-queue.ts'
import type { Stat } from '../disk/disk.ts'
import { type HintKind, heldMax, isPlainSave, quietTime } from './quiet-time.ts'
import { sameKey } from './stat-columns.ts'
import type { Entry } from './tree.ts'

/**
 * Where the system tells who has a file open, one that was written in place is asked about after this long, in ms: it goes
 * where nobody has. Not at once: most programs close a file soon after its event, and scripts open one several times in a row.
 */
const restMs = 2
/**
 * One that went out less than this before it was written, or is held for longer, is written again and again, by no person:
 * it goes no sooner than where nothing is asked, in ms.
 */
const calmMs = 20
/** With more than these held there is no asking: it takes as long as some of them do. */
const askedMax = 4

/**
 * A file that grows again and again is a log, and goes out whole each time: after some updates in a row, each within a
 * second of the one before, it waits for the next one as long as this.
 */
const growth = { updatesFree: 8, intervalMs: 500, forgottenMs: 1_000, filesMax: 1_000 }

interface Growth {
  ino: bigint
  size: number
  updates: number
  atMs: number
}

interface Hold {
  sinceMs: number
  untilMs: number
  /** It is asked about before. */
  askMs: number | undefined
  /** When its timer is due, not after it is looked at; others of it are of no account. */
  timerMs: number
  stat: Stat | null
  /** What it was when the hold began, whatever a scan has seen of it since. */
  before: Stat | null
}

/**
 * Keeps half-written files on the laptop and in the pod where they are: a file that was moved into place goes out at
 * once, one that is written in place when it has come to rest, a removal only when nothing came in its place.
 */
export class Holds {
  private readonly holds = new Map<Entry, Hold>()
  private readonly timers = new TimerQueue<Entry>()
  private readonly growing = new Map<Entry, Growth>()
  private readonly isAtRest: ((entry: Entry, stat: Stat) => boolean) | undefined

  /** @param isAtRest whether a file is as its stat tells, and surely nobody has it open for writing; where that can be asked */
  constructor(isAtRest?: (entry: Entry, stat: Stat) => boolean) {
    this.isAtRest = isAtRest
  }

  get size(): number {
    return this.holds.size
  }

  has(entry: Entry): boolean {
    return this.holds.has(entry)
  }

  nextDue(): number {
    return this.timers.nextDue()
  }

  /** When it goes, written to or not; `Infinity` where it is not held. */
  dueOf(entry: Entry): number {
    return this.holds.get(entry)?.untilMs ?? Number.POSITIVE_INFINITY
  }

  /** {@link nextDue}, where what is due is a file that was written; else `Infinity`. */
  nextSaveDue(): number {
    const entry = this.timers.first()
    const isSave = entry !== undefined && (this.holds.get(entry)?.stat ?? null) !== null
    return isSave ? this.timers.nextDue() : Number.POSITIVE_INFINITY
  }

  /**
   * A change was hinted at; `stat` is what the disk shows now.
   * @returns true where it may go out at once
   */
  hint(entry: Entry, stat: Stat | null, kind: HintKind, nowMs: number): boolean {
    const held = this.holds.get(entry)
    const before = held === undefined ? entry.key : held.before
    const wait = quietTime(before, stat, kind)
    if (wait === 0) {
      this.holds.delete(entry)
      return true
    }
    const sinceMs = held?.sinceMs ?? nowMs
    const dueMs = Math.max(nowMs + wait, this.nextUpdateMs(entry, stat, nowMs))
    const untilMs = Math.min(dueMs, sinceMs + heldMax(before, stat))
    const isUsual = untilMs === nowMs + wait && isPlainSave(wait)
    const askMs = isUsual && this.mayAsk(entry, stat, sinceMs, nowMs) ? nowMs + restMs : undefined
    this.set(entry, { sinceMs, untilMs, askMs, stat, before })
    return false
  }

  /**
   * A file was found changed, by a scan or when it was to be sent, and there may be no word of it yet.
   * @param before what it was when it was known last
   * @param wallMs the present as files are stamped with it
   * @returns true where it is held now: it was written a moment ago, and may not be whole
   */
  found(entry: Entry, before: Stat | null, nowMs: number, wallMs: number): boolean {
    if (before !== null && entry.isKey(before)) return false
    const stat = entry.key
    if (stat?.kind !== 'file') return false
    const held = this.holds.get(entry)
    if (held !== undefined) return true
    const wait = quietTime(before, stat, before === null ? 'change' : 'rename')
    const ageMs = Math.max(0, wallMs - Number(stat.ctimeNs / 1_000_000n))
    if (ageMs >= wait) return false
    this.set(entry, { sinceMs: nowMs, untilMs: nowMs + wait - ageMs, askMs: undefined, stat, before })
    return true
  }

  /** An empty file waits for its content, open or not. */
  private mayAsk(entry: Entry, stat: Stat | null, sinceMs: number, nowMs: number): boolean {
    if (this.isAtRest === undefined || stat === null || stat.size === 0 || this.holds.size >= askedMax) return false
    return nowMs - sinceMs < calmMs && sinceMs - (this.growing.get(entry)?.atMs ?? Number.NEGATIVE_INFINITY) >= calmMs
  }

  private nextUpdateMs(entry: Entry, stat: Stat | null, nowMs: number): number {
    const before = this.growing.get(entry)
    if (before === undefined || before.updates < growth.updatesFree || !hasGrown(before, stat, nowMs)) return nowMs
    return before.atMs + growth.intervalMs
  }

  /** It goes out now. */
  private update(entry: Entry, stat: Stat, nowMs: number): void {
    const before = this.growing.get(entry)
    this.growing.delete(entry)
    if (stat.kind !== 'file') return
    const updates = before !== undefined && hasGrown(before, stat, nowMs) ? before.updates + 1 : 0
    this.growing.set(entry, { ino: stat.ino, size: stat.size, updates, atMs: nowMs })
    if (this.growing.size > growth.filesMax) this.growing.delete(this.growing.keys().next().value!)
  }

  /** Looks again a little later, whatever it is. */
  later(entry: Entry, nowMs: number, waitMs: number): void {
    const held = this.holds.get(entry)
    // One that is being written is looked at when it has come to rest.
    if (held !== undefined && held.stat !== null && held.untilMs > nowMs + waitMs) return
    this.set(entry, {
      sinceMs: held?.sinceMs ?? nowMs,
      untilMs: nowMs + waitMs,
      askMs: undefined,
      stat: null,
      before: held === undefined ? entry.key : held.before,
    })
  }

  /**
   * Entries whose time has come and that came to rest, with what the disk shows of each where that was asked.
   * @param statOf what the disk shows now
   */
  *take(nowMs: number, statOf: (entry: Entry) => Stat | null): Generator<{ entry: Entry; stat: Stat | null }> {
    for (;;) {
      const timerMs = this.timers.nextDue()
      const entry = this.timers.take(nowMs)
      if (entry === undefined) return
      const hold = this.holds.get(entry)
      if (hold === undefined || hold.timerMs !== timerMs) continue
      if (dueOf(hold) > nowMs) {
        this.setTimer(entry, hold)
        continue
      }
      const isEarly = nowMs < hold.untilMs
      if (isEarly && this.holds.size > askedMax) {
        this.waitOn(entry, hold)
        continue
      }
      let stat: Stat | null = null
      if (hold.stat !== null) {
        stat = statOf(entry)
        const isWritten = stat !== null && !sameKey(stat, hold.stat)
        const mayWait = isWritten && nowMs < hold.sinceMs + heldMax(hold.before, stat)
        if (mayWait && !this.hint(entry, stat, 'change', nowMs)) {
          this.setTimer(entry, this.holds.get(entry)!)
          continue
        }
        if (isEarly && !isWritten && (stat === null || this.isAtRest?.(entry, stat) !== true)) {
          this.waitOn(entry, hold)
          continue
        }
      }
      this.holds.delete(entry)
      if (hold.stat !== null) this.update(entry, hold.stat, nowMs)
      yield { entry, stat }
    }
  }

  /** Ends every hold: somebody waits for the state of now. `stat` is what the disk showed when it began, where that is known. */
  *release(): Generator<{ entry: Entry; stat: Stat | null }> {
    for (const [entry, { stat }] of this.holds) {
      this.holds.delete(entry)
      yield { entry, stat }
    }
  }

  entries(): Iterable<Entry> {
    return this.holds.keys()
  }

  /** Its time was not up, and it is not known to be at rest. */
  private waitOn(entry: Entry, hold: Hold): void {
    hold.askMs = undefined
    this.setTimer(entry, hold)
  }

  private set(entry: Entry, wanted: Omit<Hold, 'timerMs'>): void {
    // An earlier timer finds the new time by itself.
    const timerMs = this.holds.get(entry)?.timerMs ?? Number.POSITIVE_INFINITY
    const hold = { ...wanted, timerMs }
    this.holds.set(entry, hold)
    if (timerMs > dueOf(hold)) this.setTimer(entry, hold)
  }

  private setTimer(entry: Entry, hold: Hold): void {
    hold.timerMs = dueOf(hold)
    this.timers.add(hold.timerMs, entry)
  }
}

/** When it is looked at next. */
function dueOf({ askMs, untilMs }: Hold): number {
  return askMs ?? untilMs
}

function hasGrown(before: Growth, stat: Stat | null, nowMs: number): boolean {
  const isSame = stat?.kind === 'file' && stat.ino === before.ino && nowMs - before.atMs <= growth.forgottenMs
  return isSame && stat.size > before.size
}

import { TimerQueue } from '../base/timer-queue.ts'
import { absent, type Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import type { Stat } from '../disk/disk.ts'
import type { AwaitedFiles } from './awaited-files.ts'
import type { Litter } from './litter.ts'
import type { ReplacedFiles } from './replaced-files.ts'
import type { TrashContent } from './trash-content.ts'
import { shortTag } from './trash-name.ts'

/** When a trashed file is looked at again for writes through an old descriptor, in ms after it was trashed. */
const lateLooksMs = [1_000, 5_000, 15_000, 60_000]
export const lastLateLookMs = lateLooksMs.at(-1)!
const lateLooksMax = 10_000
const rescueRetryMs = 1_000

export interface Kept {
  name: string
  path: Path
  token: Token
  stat: Stat | null
  atMs: number
  looks: number
  /** Of what is in doubt: what was to take its place, see {@link TrashName.ours}. */
  ours?: string | undefined
  /** It holds that: the other end has it, and here it stays only for the late looks. */
  isOurs?: boolean
}

/** Content found in the trash that nobody has at its place: it must become a conflict copy. */
export interface Rescue {
  /** Private file that holds it. */
  name: string
  /** Where it was, or its bare name where that is not known. */
  path: Path
}

interface LateLooksContext {
  litter: Litter
  content: TrashContent
  replaced: ReplacedFiles<Kept>
  awaited: AwaitedFiles
  /** How long entries stay, at least {@link lastLateLookMs}. */
  keepMs: number
}

/** Looks at what was trashed again, for late writes through an old descriptor. Times are of a monotonic clock. */
export class LateLooks {
  private readonly in: LateLooksContext
  /** Entries that hold what is nowhere else. */
  private readonly unsaved = new Set<string>()
  private readonly queue = new TimerQueue<Kept>()
  /** It is large, and {@link TrashContent.readOn} goes on with it. */
  private reading: Kept | undefined

  constructor(context: LateLooksContext) {
    this.in = context
  }

  get isFull(): boolean {
    return this.queue.size >= lateLooksMax
  }

  /** It may hold what is nowhere else. */
  isUnsaved(name: string): boolean {
    return this.unsaved.has(name)
  }

  /** It was trashed with this content, and is looked at from now on. */
  add(name: string, path: Path, token: Token, stat: Stat | null, atMs: number): void {
    this.lookAgain({ name, path, token, stat, atMs, looks: 0 }, atMs + lateLooksMs[0]!)
  }

  /** It holds what has no place: the next look hands it out for rescue. */
  addOrphan(name: string, path: Path, atMs: number): void {
    this.unsaved.add(name)
    this.queue.add(atMs, { name, path, token: absent, stat: null, atMs, looks: 0 })
  }

  /**
   * Not known to hold what it is named for: it stays until it was read.
   * @param ours see {@link TrashName.ours}
   */
  addDoubt(name: string, path: Path, token: Token, ours: string | undefined, atMs: number): void {
    this.unsaved.add(name)
    this.lookAgain({ name, path, token, stat: null, atMs, looks: 0, ours }, atMs + lateLooksMs[0]!)
  }

  /** Its late looks are over; it is here for as long as a program watches it, if one does. */
  addAwaited(name: string, path: Path, token: Token, stat: Stat, nowMs: number): void {
    if (this.isFull || !this.in.awaited.takes(name, stat)) return
    this.lookAgain({ name, path, token, stat, atMs: nowMs, looks: lateLooksMs.length }, nowMs + lastLateLookMs)
  }

  private lookAgain(kept: Kept, dueMs: number): void {
    this.queue.add(dueMs, kept)
    this.in.replaced.add(kept)
  }

  nextDue(): number {
    return this.reading === undefined ? this.queue.nextDue() : 0
  }

  /** Looks at one entry that is due, or at the next part of a large one; a rescue where its content is not what was trashed. */
  tick(nowMs: number): Rescue | undefined {
    const kept = this.reading ?? this.queue.take(nowMs)
    if (kept === undefined) return undefined
    const stat = this.in.content.stat(kept.name)
    if (stat === undefined) {
      this.close()
      this.queue.add(nowMs + rescueRetryMs, kept)
      return undefined
    }
    if (stat === null) {
      this.close()
      this.unsaved.delete(kept.name)
      this.letGo(kept)
      return undefined
    }
    const judged = this.judge(kept, stat)
    if (judged === 'later') {
      this.reading = kept
      return undefined
    }
    // It may have become another file while it was read.
    this.close()
    if (judged === 'other') {
      this.unsaved.add(kept.name)
      // Until it is rescued, which takes it out of the trash.
      this.queue.add(nowMs + rescueRetryMs, kept)
      return { name: kept.name, path: kept.path }
    }
    this.looked(kept, stat, nowMs)
    return undefined
  }

  /** Ends what is being read. */
  close(): void {
    this.in.content.close()
    this.reading = undefined
  }

  /** Nothing is to be saved in it: when the next look is, or whether it goes. */
  private looked(kept: Kept, stat: Stat, nowMs: number): void {
    if (kept.stat !== null) this.unsaved.delete(kept.name)
    kept.looks += 1
    const next = lateLooksMs[kept.looks]
    if (next !== undefined) this.queue.add(kept.atMs + next, kept)
    else if (kept.stat === null || this.in.awaited.takes(kept.name, stat)) this.queue.add(nowMs + lastLateLookMs, kept)
    else {
      this.letGo(kept)
      if (kept.isOurs || this.in.keepMs <= lastLateLookMs) this.in.litter.remove(kept.name)
    }
  }

  private letGo(kept: Kept): void {
    this.in.awaited.forget(kept.name)
    this.in.replaced.delete(kept)
  }

  /** Does it hold something else than was trashed, or came from the other end? `later`: it is still being read. */
  private judge(kept: Kept, stat: Stat): 'same' | 'other' | 'later' {
    // It took a file's name in the last moment before we died.
    if (stat.kind === 'dir') return 'other'
    const before = kept.stat
    const checked = before !== null && kept.looks > 0
    if (checked && before.mtimeNs === stat.mtimeNs && before.size === stat.size) return 'same'
    // A link's target cannot be written to.
    if (stat.kind === 'link' && kept.token !== absent) {
      kept.stat = stat
      return 'same'
    }
    // It has no place: whatever it holds.
    if (kept.token === absent) return 'other'
    const { content } = this.in
    const token = content.isLarge(stat) ? content.readOn(kept.name, stat) : content.tokenOf(kept.name, stat)
    if (token === 'later') return 'later'
    if (token === undefined) {
      // Nothing is known of it: the next look reads it, whatever its times say.
      kept.stat = null
      return 'same'
    }
    const isNamed = token.slice(1) === kept.token.slice(1)
    kept.isOurs = !isNamed && shortTag(token) === kept.ours
    if (!isNamed && !kept.isOurs) return 'other'
    kept.stat = stat
    return 'same'
  }
}

/** Whether it changed since it was looked at, or cannot be told: the next look reads it. */
export function isWrittenSince(kept: Kept | undefined, stat: Stat | null | undefined): boolean {
  if (kept === undefined || stat === null) return false
  if (stat === undefined || kept.stat === null) return true
  return kept.stat.mtimeNs !== stat.mtimeNs || kept.stat.size !== stat.size
}

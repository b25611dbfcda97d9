import { absent, type Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import { EpochHistory } from '../../engine/exchange/epoch-history.ts'
import type { JournalRecord } from '../../engine/exchange/journal.ts'

export type LedgerRecord =
  | JournalRecord
  /** Everything before it is on the disk, the user's files too. */
  | { type: 'checkpoint' }
  /** The process started on this boot of the machine. */
  | { type: 'start'; boot: string }

interface PathState {
  agreed: Token
  sent: Token | undefined
  /** Number of checkpoints that came before its last record. */
  checkpoint: number
}

/** How many checkpoints must follow a record before it is believed after a power cut; they are 30 s apart. */
const checkpointsToTrust = 3

/**
 * From the journal's records, in order, to what holds now. After a power cut the records of the last checkpoints are
 * void: the files that they speak of may have gone back to older content, which the kernel writes back up to 35 s late
 * (`docs/decisions/0002-sync-protocol.md`).
 */
export class Ledger {
  private markers: JournalRecord[] = []
  private mode: JournalRecord | undefined
  private readonly paths = new Map<Path, PathState>()
  private readonly history = new EpochHistory()
  private checkpoints = 0
  private boot: string | undefined
  /** The last start came after a boot of the machine. */
  otherBoot = false

  /** Paths of which something holds. */
  get size(): number {
    return this.paths.size
  }

  add(record: LedgerRecord): void {
    switch (record.type) {
      case 'start':
        this.passBoot(record.boot)
        break
      case 'checkpoint':
        this.checkpoints += 1
        break
      case 'void':
        this.paths.clear()
        this.history.clear()
        break
      case 'raising':
        this.markers = [...this.markers.filter(({ type }) => type === 'epoch'), record]
        break
      case 'epoch':
        // Written down at each contact, too: only another epoch leaves behind what was agreed on in this one.
        if (!this.isOf(record)) this.history.clear()
        this.markers = [record]
        break
      case 'mode':
        this.mode = record
        break
      default:
        this.addPath(record)
    }
  }

  /** The shortest records that say the same, for a start on this boot of the machine. */
  *finish(boot: string): Generator<JournalRecord> {
    this.passBoot(boot)
    for (const [path, { agreed, sent }] of this.paths) {
      if (agreed !== absent) yield { type: 'agreed', path, token: agreed }
      if (sent !== undefined) yield { type: 'sent', path, token: sent }
    }
    yield* this.markers
    if (this.mode !== undefined) yield this.mode
    yield* this.history.records()
  }

  private isOf({ id, epoch }: { id: string; epoch: number }): boolean {
    return this.markers.some(record => record.type === 'epoch' && record.id === id && record.epoch === epoch)
  }

  private addPath(record: Extract<LedgerRecord, { path: Path }>): void {
    const state = this.paths.get(record.path) ?? { agreed: absent, sent: undefined, checkpoint: 0 }
    if (record.type === 'was') {
      this.history.add(record.path, record.token)
      return
    }
    if (record.type === 'agreed' || record.type === 'answered') {
      if (state.agreed !== record.token) this.history.add(record.path, state.agreed)
      state.agreed = record.token
    }
    if (record.type === 'sent') state.sent = record.token
    else if (record.type !== 'agreed') state.sent = undefined
    state.checkpoint = this.checkpoints
    if (state.agreed === absent && state.sent === undefined) this.paths.delete(record.path)
    else this.paths.set(record.path, state)
  }

  /**
   * Another boot: the machine may have gone down under us. That the process had ended before proves nothing: the kernel
   * writes files back later than that.
   */
  private passBoot(boot: string): void {
    this.otherBoot = boot !== this.boot
    if (this.otherBoot && this.boot !== undefined) {
      for (const [path, state] of this.paths) {
        if (state.checkpoint > this.checkpoints - checkpointsToTrust) this.paths.delete(path)
        else state.sent = undefined
      }
    }
    this.boot = boot
  }
}

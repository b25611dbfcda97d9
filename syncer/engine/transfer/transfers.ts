import { ProtocolError } from '../../base/errors.ts'
import { isFile, type Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import { assembledBlocksMax } from '../../endpoint/basis.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { BuildReading } from './build-reading.ts'
import { Comparisons } from './comparisons.ts'
import { FileReading, GraftReading, memberBytesMax, openKnown, type Reading } from './readings.ts'
import type { Member, Transfer } from './transfer.ts'
import { TransferQueue } from './transfer-queue.ts'
import { UnplacedGrafts } from './unplaced-grafts.ts'

/** Content on the bulk lane that is not answered yet. */
const outstandingBytesMax = 32 * 1024 * 1024
/** What each path of a subtree counts beside its content: many may be empty. */
const memberBytes = 256
/**
 * Sends content ahead of its PUT on the bulk lane, one transfer at a time: small files in one message, large ones in
 * parts, and subtrees that the other end lacks.
 */
export class Transfers {
  doneBytes = 0
  doneFiles = 0
  readonly comparisons: Comparisons
  private readonly x: Exchange
  private readonly queue = new TransferQueue()
  private readonly byEntry = new Map<Entry, Transfer>()
  private readonly byId = new Map<number, Transfer>()
  private readonly insisting = new Set<Entry>()
  private reading: Reading | undefined
  /** A large file that lets others pass. */
  private paused: BuildReading | undefined
  /** All of these went out, and no answer came yet. */
  private readonly sent = new Set<Transfer>()
  private unansweredBytes = 0
  private outstandingBytes = 0
  private readonly unplaced = new UnplacedGrafts()
  private pendingBytes = 0
  private pendingFiles = 0
  private lastId = 0
  /** For the content of the files in a subtree, one after the other. */
  private memory: Buffer | undefined

  constructor(exchange: Exchange) {
    this.x = exchange
    this.comparisons = new Comparisons(
      exchange,
      () => this.nextId(),
      transfer => this.queue.push(transfer),
    )
  }

  /** Bytes and files that are waiting or under way. */
  get pending(): { bytes: number; files: number } {
    return { bytes: this.pendingBytes, files: this.pendingFiles }
  }

  /** Bytes that were sent, those that are not answered yet included. */
  get sentBytes(): number {
    return this.doneBytes + this.unansweredBytes + (this.reading?.sentBytes ?? 0) + (this.paused?.sentBytes ?? 0)
  }

  /** What is being read and sent, or comes next. */
  get current(): Path | undefined {
    return ((this.reading ?? this.paused)?.transfer ?? this.queue.head)?.entry.path
  }

  entries(): Iterable<Entry> {
    return this.byEntry.keys()
  }

  has(entry: Entry): boolean {
    return this.byEntry.has(entry)
  }

  /** The other end does not have the content that a PUT took for granted: send it. */
  insist(entry: Entry): void {
    this.insisting.add(entry)
  }

  insists(entry: Entry): boolean {
    return this.insisting.has(entry)
  }

  reset(): void {
    this.stopReading()
    this.paused?.close()
    this.paused = undefined
    this.comparisons.reset()
    this.queue.clear()
    this.byEntry.clear()
    this.byId.clear()
    this.sent.clear()
    this.unansweredBytes = 0
    this.insisting.clear()
    this.outstandingBytes = 0
    this.unplaced.clear()
    this.pendingBytes = 0
    this.pendingFiles = 0
    this.doneBytes = 0
    this.doneFiles = 0
  }

  add(entry: Entry, token: Token, urgent: boolean): void {
    this.enqueue({ entry, token, size: entry.size, urgent, members: undefined })
  }

  /** A whole subtree, its topmost folder first. */
  addGraft(members: Member[], bytes: number, urgent: boolean): void {
    const { entry, token } = members[0]!
    this.enqueue({ entry, token, size: bytes, urgent, members })
  }

  private enqueue(wanted: Omit<Transfer, 'id' | 'base' | 'rulesVersion' | 'files' | 'membersAtStart'>): void {
    const membersAtStart = wanted.members?.length ?? 0
    const files = (wanted.members ?? [wanted]).filter(({ token }) => isFile(token)).length
    const { rulesVersion } = this.x
    const base = wanted.entry.agreed
    const transfer: Transfer = { ...wanted, id: this.nextId(), base, files, membersAtStart, rulesVersion }
    this.byEntry.set(transfer.entry, transfer)
    for (const { entry } of transfer.members ?? []) this.byEntry.set(entry, transfer)
    this.pendingBytes += transfer.size
    this.pendingFiles += files
    const { smallBytesMax, blockBytes } = this.x.replica.grain
    const isLarge = wanted.members === undefined && transfer.size > smallBytesMax
    if (isLarge && this.x.live && transfer.size <= assembledBlocksMax * blockBytes) this.comparisons.add(transfer)
    else this.queue.push(transfer)
  }

  /** Numbers what travels ahead of its PUT. */
  nextId(): number {
    this.lastId += 1
    return this.lastId
  }

  get hasWork(): boolean {
    // What has begun is counted whole, so it must go on: only its last part is answered.
    const hasBegun = this.reading !== undefined || this.paused !== undefined
    return (this.x.live || this.x.ahead) && this.x.writable('bulk') && (hasBegun || this.mayOpen)
  }

  private get mayOpen(): boolean {
    const hasRoom = !this.unplaced.isFull && this.outstandingBytes < outstandingBytesMax
    return this.queue.head !== undefined && hasRoom
  }

  /** What goes on, or comes next: what changed just now passes a large file that is under way. */
  private next(): Reading | undefined {
    const { head } = this.queue
    const passes = head?.urgent === true && head.compared === undefined && this.mayOpen
    if (passes && this.paused === undefined && this.reading instanceof BuildReading) {
      this.paused = this.reading
      this.reading = undefined
    }
    if (this.reading === undefined && this.paused !== undefined && !passes) {
      this.reading = this.paused
      this.paused = undefined
    }
    this.reading ??= this.openNext()
    return this.reading
  }

  /** Reads and sends until `isOver`, or until the lane or the other end has enough. */
  step(isOver: () => boolean): void {
    while (this.hasWork && !isOver()) {
      const reading = this.next()
      const result = reading?.step() ?? 'more'
      if (result === 'more') continue
      this.stopReading()
      if (result === 'gone') this.drop(reading!.transfer)
      else this.isSent(reading!.transfer)
    }
  }

  /**
   * @returns the transfer whose content is at the other end now
   * @throws ProtocolError where not all of it was sent
   */
  staged(id: number): Transfer | undefined {
    const transfer = this.byId.get(id)
    if (transfer === undefined) return undefined
    if (this.isReading(transfer)) throw new ProtocolError('an answer before the end of what it is about')
    this.end(transfer)
    this.comparisons.ended(transfer, false)
    this.doneBytes += transfer.size
    this.doneFiles += transfer.files
    return transfer
  }

  /** @returns the transfer that came to nothing */
  unstaged(id: number, reason: 'damaged' | 'failed'): Transfer | undefined {
    const transfer = this.byId.get(id)
    if (transfer === undefined) return undefined
    if (this.reading?.transfer === transfer) this.stopReading()
    if (this.paused?.transfer === transfer) {
      this.paused.close()
      this.paused = undefined
    }
    this.end(transfer)
    this.comparisons.ended(transfer, false)
    this.placed(transfer.entry)
    if (reason === 'failed') this.x.retries.add(transfer.entry, 'failed', 1_000, 30_000)
    else this.lookAnew(transfer.entry)
    return transfer
  }

  /** The subtree below `entry` stands at its place, or is given up: the other end holds nothing of it any more. */
  placed(entry: Entry): void {
    this.unplaced.placed(entry)
  }

  /** One path of a subtree changed while it was read: it does not go along. */
  leaveOut(id: number, path: Path): void {
    const transfer = this.byId.get(id)
    const entry = this.x.replica.tree.find(path)
    const member = transfer?.members?.find(each => each.entry === entry)
    if (transfer !== undefined && member !== undefined && entry !== transfer.entry) this.leave(transfer, member)
  }

  private leave(transfer: Transfer, member: Member): void {
    transfer.members = transfer.members!.filter(each => each !== member)
    this.byEntry.delete(member.entry)
    if (isFile(member.token)) {
      transfer.files -= 1
      this.pendingFiles -= 1
    }
    this.lookAnew(member.entry)
  }

  private end(transfer: Transfer): void {
    this.byId.delete(transfer.id)
    this.byEntry.delete(transfer.entry)
    for (const { entry } of transfer.members ?? []) this.byEntry.delete(entry)
    this.insisting.delete(transfer.entry)
    if (this.sent.delete(transfer)) this.unansweredBytes -= transfer.size
    this.countOutstanding(transfer, -1)
    this.pendingBytes -= transfer.size
    this.pendingFiles -= transfer.files
  }

  private isReading(transfer: Transfer): boolean {
    return this.reading?.transfer === transfer || this.paused?.transfer === transfer
  }

  /** Large files are few at a time, and hold up nobody. */
  private countOutstanding({ size, membersAtStart, compared }: Transfer, sign: 1 | -1): void {
    if (compared !== undefined) return
    this.outstandingBytes += sign * (size + membersAtStart * memberBytes)
  }

  private openNext(): Reading | undefined {
    const transfer = this.queue.take()!
    this.byId.set(transfer.id, transfer)
    this.countOutstanding(transfer, 1)
    const { members } = transfer
    if (members !== undefined) {
      this.unplaced.sent(transfer.entry, members.length)
      this.memory ??= Buffer.allocUnsafeSlow(memberBytesMax)
      return new GraftReading(this.x, transfer, members, this.memory, member => this.leave(transfer, member))
    }
    const { entry, token } = transfer
    const file = entry.current === token ? openKnown(this.x, entry) : undefined
    const { compared } = transfer
    if (file !== undefined && compared !== undefined) return new BuildReading(this.x, transfer, file, compared)
    if (file !== undefined) return new FileReading(this.x, transfer, file)
    this.drop(transfer)
    return undefined
  }

  private isSent(transfer: Transfer): void {
    this.sent.add(transfer)
    this.unansweredBytes += transfer.size
  }

  /** It is not what was to be sent any more. */
  private drop(transfer: Transfer): void {
    this.end(transfer)
    this.comparisons.ended(transfer, true)
    this.lookAnew(transfer.entry)
  }

  private lookAnew(entry: Entry): void {
    // It is read again, whatever its stat says; how large it was tells whether it is being written anew.
    entry.racy = true
    this.x.queue(entry, true)
  }

  private stopReading(): void {
    this.reading?.close()
    this.reading = undefined
  }
}

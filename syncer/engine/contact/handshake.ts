import { errnoOf, ProtocolError } from '../../base/errors.ts'
import { isMuted, type SyncMode, unmutes } from '../../core/sync-policy.ts'
import type { Bases, ContactMessage, Hello, Marker } from '../../wire/contact-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { JournalRecord } from '../exchange/journal.ts'
import { ownProblems } from '../exchange/path-problems.ts'
import type { Ahead } from '../offer/ahead.ts'
import { agreementDigest } from './agreement-digest.ts'
import { type Incarnation, judgeMarker, LaptopContact, PodContact } from './contact.ts'
import { SharedRules, type SharedRulesOptions } from './shared-rules.ts'

export interface HandshakeOptions extends SharedRulesOptions {
  session: string
  initial: 'mirror' | 'keep'
  /** Pod only: the marker in its private folder. */
  marker?: { read(): Marker | null; write(marker: Marker): void }
  newMarkerId(): string
  ahead: Pick<Ahead, 'open' | 'has' | 'close'>
}

const retryMs = 1_000
/** A folder that was watched while nobody was connected is read again so soon, in case events were lost. */
const sweepLaterMs = 2_000

/** The first words of a connection, from hello to the moment when changes may flow. */
export class Handshake {
  private readonly x: Exchange
  private readonly options: HandshakeOptions
  private readonly podContact: PodContact
  private readonly laptopContact: LaptopContact
  private readonly incarnation: Incarnation = { confirmed: undefined, raising: undefined }
  private readonly rules: SharedRules
  /** How changes travelled when what is agreed was agreed. */
  private agreedMode: SyncMode = 'two-way'
  private connected = false
  /** Pod: it was told the rules before. */
  private hasRules = false
  /** Pod: the folder was not read anew for this connection. */
  private sweepsLater = false
  /** The other end said who it is. */
  private greeted: { marker: Marker | null } | undefined
  private indexSent = false
  /** Laptop: settled and on record, to be told when the pod has its marker. */
  private bases: Bases['entries'] | undefined
  /** The rules' version that they are of. */
  private rulesAtSettle = 0
  private retry: { atMs: number; again: () => void } | undefined

  constructor(exchange: Exchange, options: HandshakeOptions) {
    this.x = exchange
    this.options = options
    this.rules = new SharedRules(exchange, options)
    this.podContact = new PodContact(exchange)
    this.laptopContact = new LaptopContact(exchange, options.initial)
  }

  connect(): void {
    this.connected = true
    if (this.x.role === 'pod') return
    const { session } = this.options
    const agreed = agreementDigest(this.x.replica.tree)
    this.x.send('control', { type: 'hello', session, rules: this.rules.text, nowMs: this.x.clock.now(), agreed })
  }

  disconnect(): void {
    this.connected = false
    this.greeted = undefined
    this.indexSent = false
    this.bases = undefined
    this.retry = undefined
    this.podContact.reset()
    this.laptopContact.reset()
  }

  receive(message: ContactMessage): void {
    const forLaptop = message.type === 'welcome' || message.type === 'index' || message.type === 'epoch-done'
    if (forLaptop !== (this.x.role === 'laptop')) throw new ProtocolError(`${message.type} from the wrong end`)
    switch (message.type) {
      case 'hello':
        this.onHello(message)
        break
      case 'welcome':
        if (this.greeted !== undefined) throw new ProtocolError('a second welcome')
        this.greeted = { marker: message.marker }
        this.laptopContact.onWelcome(message.agreesWith)
        this.x.replica.clockOffsetMs = this.x.clock.now() - message.nowMs
        break
      case 'index':
        if (this.greeted === undefined || this.x.live) throw new ProtocolError('an index out of turn')
        this.laptopContact.onIndex(message)
        break
      case 'bases':
        if (!this.indexSent || this.x.live) throw new ProtocolError('agreements out of turn')
        if (this.podContact.onBases(message)) this.goLive()
        break
      case 'epoch':
        this.writeMarker(message.marker)
        break
      case 'epoch-done':
        this.onEpochDone(message.epoch)
        break
      case 'rules':
        this.rules.take(message.rules)
    }
  }

  /** Goes on where what was waited for is there: the own folder is read, the other's index is complete. */
  advance(scanned: boolean): void {
    if (this.x.live || this.greeted === undefined) return
    if (!scanned) {
      const isBlank = this.isNew && this.greeted.marker === null && !isMuted(this.x.policy, 'laptop')
      if (isBlank && this.laptopContact.complete) this.options.ahead.open(path => !this.laptopContact.holds(path))
      return
    }
    if (this.x.role === 'pod') {
      if (this.indexSent) return
      this.indexSent = true
      this.podContact.sendIndex()
    } else if (this.laptopContact.complete && this.bases === undefined) this.settle()
  }

  /** Laptop: the ignore files changed. Paths that are ignored now are forgotten, never deleted. */
  setRules(text: string): void {
    if (text === this.rules.text) return
    this.rules.take(text)
    if (this.connected) this.x.send('control', { type: 'rules', rules: text })
  }

  /** Laptop: gives the pod's copy a new epoch, so that an older copy or an older state of ours shows as one. */
  raiseEpoch(): void {
    const { confirmed, raising } = this.incarnation
    if (!this.x.live || confirmed === undefined || raising !== undefined) return
    const raised = { id: confirmed.id, epoch: confirmed.epoch + 1 }
    this.incarnation.raising = raised
    this.x.record({ type: 'raising', ...raised })
    this.x.send('control', { type: 'epoch', marker: raised })
  }

  /** Nothing was ever agreed with any pod: whatever its folder holds, no hash of ours is needed to settle it. */
  get isNew(): boolean {
    return (
      this.x.role === 'laptop' && this.incarnation.confirmed === undefined && this.incarnation.raising === undefined
    )
  }

  load(record: Extract<JournalRecord, { type: 'raising' | 'epoch' | 'mode' }>): void {
    if (record.type === 'mode') {
      this.agreedMode = record.mode
      return
    }
    const marker = { id: record.id, epoch: record.epoch }
    if (record.type === 'raising') this.incarnation.raising = marker
    else {
      this.incarnation.confirmed = marker
      this.incarnation.raising = undefined
    }
  }

  /** When something that failed is tried again; monotonic ms. */
  due(): number {
    return this.retry?.atMs ?? Number.POSITIVE_INFINITY
  }

  tick(nowMs: number, scanned: boolean): void {
    const { retry } = this
    if (retry === undefined || nowMs < retry.atMs) return
    this.retry = undefined
    retry.again()
    this.advance(scanned)
  }

  private onHello({ rules, nowMs, agreed }: Hello): void {
    if (!this.connected || this.greeted !== undefined) throw new ProtocolError('a second hello')
    this.x.replica.clockOffsetMs = this.x.clock.now() - nowMs
    // The same as before: the folder was read by them, and watched since. It is read again when changes flow.
    if (this.hasRules && rules === this.rules.text) this.sweepsLater = true
    else this.rules.take(rules)
    this.hasRules = true
    this.welcome(agreed)
  }

  private welcome(agreed: string): void {
    this.trying(
      'read',
      () => this.welcome(agreed),
      () => {
        const marker = this.options.marker?.read() ?? null
        this.greeted = { marker }
        const agreesWith = this.podContact.compare(agreed)
        this.x.send('control', { type: 'welcome', marker, nowMs: this.x.clock.now(), agreesWith })
      },
    )
  }

  private writeMarker(marker: Marker): void {
    this.trying(
      'written',
      () => this.writeMarker(marker),
      () => {
        this.options.marker?.write(marker)
        this.x.send('control', { type: 'epoch-done', epoch: marker.epoch })
      },
    )
  }

  /** Without the marker nobody can tell whose files these are: sync waits for it. */
  private trying(verb: string, again: () => void, work: () => void): void {
    try {
      work()
      this.x.problems.over(ownProblems)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      this.x.problems.note(ownProblems, code, `the marker of the synced folder could not be ${verb}`)
      this.retry = { atMs: this.x.clock.monotonic() + retryMs, again }
    }
  }

  /**
   * What is agreed is on record before the pod learns its new marker, and nothing flows before that is written: a marker
   * always belongs to agreements that the laptop knows.
   */
  private settle(): void {
    const marker = this.greeted!.marker
    const judged = judgeMarker(marker, this.incarnation)
    // What one end held back would look like its changes of now: deletions above all.
    const copy = judged === 'known' && unmutes(this.agreedMode, this.x.policy.mode) ? 'behind' : judged
    this.noteMode()
    this.bases = this.laptopContact.settle(copy)
    this.rulesAtSettle = this.x.rulesVersion
    const raised =
      copy === 'first' ? { id: this.options.newMarkerId(), epoch: 1 } : { id: marker!.id, epoch: marker!.epoch + 1 }
    this.incarnation.confirmed = copy === 'first' ? undefined : marker!
    this.incarnation.raising = raised
    if (copy !== 'first') this.x.record({ type: 'epoch', ...marker! })
    this.x.record({ type: 'raising', ...raised })
    this.x.send('control', { type: 'epoch', marker: raised })
  }

  private noteMode(): void {
    const { mode } = this.x.policy
    if (mode === this.agreedMode) return
    this.agreedMode = mode
    this.x.record({ type: 'mode', mode })
  }

  private onEpochDone(epoch: number): void {
    const { raising } = this.incarnation
    if (raising === undefined || raising.epoch !== epoch) throw new ProtocolError('a marker out of turn')
    this.incarnation.confirmed = raising
    this.incarnation.raising = undefined
    this.x.history.clear()
    this.x.record({ type: 'epoch', ...raising })
    if (this.bases === undefined) return
    this.laptopContact.sendBases(
      this.rulesAtSettle === this.x.rulesVersion ? this.bases : this.laptopContact.unsettled(),
    )
    this.bases = undefined
    this.goLive()
  }

  private goLive(): void {
    this.x.live = true
    this.x.tellProblems()
    for (const entry of this.x.replica.tree.walk()) {
      if (entry.current !== entry.agreed && !this.options.ahead.has(entry)) this.x.queue(entry, false)
    }
    this.options.ahead.close()
    if (this.sweepsLater) this.options.sweep(sweepLaterMs)
    this.sweepsLater = false
    this.x.emit({ type: 'live' })
  }
}

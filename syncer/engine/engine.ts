import type { Path } from '../core/path.ts'
import type { HintKind } from '../endpoint/quiet-time.ts'
import type { SyncMessage } from '../wire/sync-message.ts'
import { loadJournal } from './contact/load-journal.ts'
import { assemble, type EngineParts, type EnginePartsOptions, pendingOf } from './engine-parts.ts'
import type { Exchange } from './exchange/exchange.ts'
import type { Lane, Peer } from './exchange/peer.ts'
import { Receiver, type ReceiverOptions } from './receiver.ts'
import type { Transfers } from './transfer/transfers.ts'
import { Turns, type TurnsOptions } from './turns.ts'

export interface EngineOptions extends EnginePartsOptions, ReceiverOptions, TurnsOptions {}

/**
 * One end of the sync protocol (`docs/decisions/0002-sync-protocol.md`): both ends run this code, the laptop owns the
 * ancestor and resolves conflicts. Synchronous; see {@link Peer}.
 */
export class SyncEngine implements Peer<SyncMessage> {
  readonly exchange: Exchange
  readonly transfers: Transfers
  private readonly options: EngineOptions
  private readonly parts: EngineParts
  private readonly receiver: Receiver
  private readonly turns: Turns

  constructor(options: EngineOptions) {
    this.options = options
    const { journal } = options
    this.parts = assemble(options)
    this.exchange = this.parts.exchange
    this.transfers = this.parts.transfers
    this.receiver = new Receiver(this.parts, options)
    this.turns = new Turns(this.parts, options)
    if (journal !== undefined) loadJournal(journal, this.exchange, this.parts.handshake)
    if (options.role === 'laptop') this.sweep()
  }

  /** Changes may flow: both ends know what is agreed. */
  get live(): boolean {
    return this.exchange.live
  }

  /** Paths that are known to differ or are under way. */
  pending(): number {
    return pendingOf(this.parts)
  }

  connect(): void {
    this.disconnect()
    this.parts.handshake.connect()
    this.exchange.commit()
  }

  disconnect(): void {
    this.parts.handshake.disconnect()
    this.exchange.reset()
    this.transfers.reset()
    this.parts.offers.reset()
    this.parts.ahead.reset()
    this.parts.intake.reset()
    this.options.replica.clearStaged()
    this.parts.flushes.barriers.clear()
  }

  receive(lane: Lane, message: SyncMessage): void {
    this.receiveAll(lane, [message])
  }

  /**
   * Takes several messages; what they lead to is made durable and sent together.
   * @throws ProtocolError where the other end broke the protocol; what came before it is done
   */
  receiveAll(lane: Lane, messages: Iterable<SyncMessage>): void {
    this.options.replica.newTurn()
    try {
      for (const message of messages) {
        this.turns.heard()
        this.receiver.receive(lane, message)
      }
    } finally {
      this.parts.intake.finish()
      this.exchange.commit()
    }
  }

  hint(path: Path, kind: HintKind = 'change'): void {
    this.options.replica.noticeClock()
    this.parts.hints.hint(path, kind)
  }

  /** Something in the folder changed, it is not known what. */
  hintFolder(path: Path): void {
    this.parts.hints.hintFolder(path)
  }

  /** @param isAwaited messages wait to be taken: what can wait as well does */
  tick(isAwaited = false): void {
    this.turns.take(isAwaited)
  }

  due(): number {
    return this.turns.due()
  }

  /** {@link due}, where that is when a save has come to rest: somebody waits for it. */
  saveDue(): number {
    return this.exchange.holds.nextSaveDue()
  }

  idle(): boolean {
    const { assemblies } = this.options.replica
    const quiet = this.parts.scanner.idle && !assemblies.hasWork && this.parts.hints.idle && this.pending() === 0
    return this.exchange.live && quiet && this.exchange.retries.size === 0
  }

  /** Reads the whole folder again, at once: events were lost, or may have been. */
  sweep(): void {
    this.parts.sweep.begin()
  }

  /** Laptop: the ignore files changed. */
  setRules(text: string): void {
    this.parts.handshake.setRules(text)
    this.exchange.commit()
  }

  /** Reports `flushed` when everything that differs now is in step. Events must have been handed in before. */
  flush(id: number): void {
    this.parts.flushes.add(id)
    this.exchange.commit()
  }

  /** Laptop: asks the pod for the same; it answers with `flushed` of side `pod`. */
  askFlush(id: number): void {
    this.exchange.send('control', { type: 'flush', id })
    this.exchange.commit()
  }

  /** Laptop: at each checkpoint and at rest, see `Handshake.raiseEpoch`. */
  raiseEpoch(): void {
    this.parts.handshake.raiseEpoch()
    this.exchange.commit()
  }

  /** Asks the other end for a sign of life. */
  probe(id: number): void {
    this.exchange.send('control', { type: 'probe', id })
    this.exchange.commit()
  }

  close(): void {
    this.disconnect()
    this.options.replica.close()
  }
}

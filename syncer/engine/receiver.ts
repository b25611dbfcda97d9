import { ProtocolError } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import { isContact } from '../wire/contact-message.ts'
import type { Unstaged } from '../wire/content-message.ts'
import type { StateMessage, SyncMessage } from '../wire/sync-message.ts'
import { type EngineParts, pendingOf } from './engine-parts.ts'
import type { Lane } from './exchange/peer.ts'
import { isArrival } from './transfer/arrivals.ts'

export interface ReceiverOptions {
  /**
   * Laptop only: the other end has given a folder this name, with all that is in it. @returns the rules' text where that
   * makes others of them; what is ignored there at the pod may be the next message
   */
  rulesMoved?(path: Path): string | undefined
}

/** Hands each message of the other end to the part that it is for. */
export class Receiver {
  private readonly parts: EngineParts
  private readonly options: ReceiverOptions

  constructor(parts: EngineParts, options: ReceiverOptions) {
    this.parts = parts
    this.options = options
  }

  /** @throws ProtocolError where the other end broke the protocol */
  receive(lane: Lane, message: SyncMessage): void {
    const { intake, handshake, arrivals, sweep, offers, transfers, flushes } = this.parts
    if (isArrival(message) !== (lane === 'bulk')) throw new ProtocolError(`${message.type} on the ${lane} lane`)
    if (message.type !== 'put') intake.finish()
    if (isContact(message)) {
      handshake.receive(message)
      handshake.advance(sweep.scanned)
      return
    }
    if (isArrival(message)) {
      arrivals.take(message)
      return
    }
    switch (message.type) {
      case 'put':
        intake.onPut(message)
        break
      case 'move':
        if (intake.onMove(message)) this.movedIn(message.path)
        break
      case 'ack':
        intake.judgeHeld(message.path)
        flushes.barriers.acked(message)
        offers.answers.onAck(message)
        break
      case 'rej':
        intake.judgeHeld(message.path)
        offers.answers.onRej(message)
        break
      case 'compare':
        intake.onCompare(message)
        break
      case 'blocks':
        transfers.comparisons.onBlocks(message)
        break
      case 'staged':
        this.onStaged(message.id)
        break
      case 'unstaged':
        this.onUnstaged(message)
        break
      case 'forget':
        intake.dropStaged(message.id)
        break
      case 'early':
        arrivals.takeEarly(message)
        break
      default:
        this.onState(message)
    }
  }

  private onState(message: StateMessage): void {
    const { exchange: x } = this.parts
    switch (message.type) {
      case 'flush':
        x.emit({ type: 'flush-asked', id: message.id })
        break
      case 'flushed':
        x.emit({ type: 'flushed', side: 'pod', id: message.id })
        break
      case 'problem':
        x.emit({ ...message, side: 'pod' })
        break
      case 'replaced':
        x.emit({ type: 'replaced', path: message.path })
        break
      case 'probe':
        // What this end has to tell is not known before the agreements.
        x.send('control', { type: 'probed', id: message.id, pending: Math.max(x.live ? 0 : 1, pendingOf(this.parts)) })
        break
      case 'probed':
        x.emit({ type: 'probed', id: message.id, pending: message.pending })
    }
  }

  private movedIn(path: Path): void {
    const text = this.options.rulesMoved?.(path)
    if (text !== undefined && this.parts.exchange.role === 'laptop') this.parts.handshake.setRules(text)
  }

  private onStaged(id: number): void {
    const { exchange, transfers, ahead, offers } = this.parts
    const transfer = transfers.staged(id)
    if (transfer === undefined) return
    if (!exchange.live || (ahead.held > 0 && transfer.members !== undefined)) ahead.hold(transfer)
    else if (transfer.members === undefined) offers.staged(transfer)
    else offers.grafts.staged(transfer, transfer.members)
  }

  private onUnstaged({ id, reason, path, code = '' }: Unstaged): void {
    const { exchange, transfers, offers } = this.parts
    if (path !== undefined) transfers.leaveOut(id, path)
    else {
      const transfer = transfers.unstaged(id, reason)
      if (transfer?.members !== undefined) offers.grafts.failed(transfer.entry, transfer.members)
      else if (transfer !== undefined && reason === 'failed') exchange.problems.notTakenIn(transfer.entry.path, code)
    }
  }
}

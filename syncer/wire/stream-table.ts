import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { MuxStream } from './mux-stream.ts'
import type { ReceiveWindow } from './receive-window.ts'
import { StreamError } from './stream-error.ts'

/**
 * The streams of one connection. A number is used once and numbers of one side only rise, so a frame for a stream that
 * never was is told from one that crossed the stream's end.
 */
export class StreamTable {
  private readonly live = new Map<number, MuxStream>()
  /** Reset here; the other end may still be sending until it answers the reset. */
  private readonly lingering = new Map<number, ReceiveWindow>()
  /** Over for the connection, but somebody here has not read all of it yet. */
  private readonly unread = new Set<MuxStream>()
  private lastOwnId: number
  private lastPeerId: number
  private peerStreams = 0

  constructor(side: 'laptop' | 'agent') {
    this.lastOwnId = side === 'laptop' ? -1 : 0
    this.lastPeerId = side === 'laptop' ? 0 : -1
  }

  get streams(): MuxStream[] {
    return [...this.live.values()]
  }

  get(id: number): MuxStream | undefined {
    return this.live.get(id)
  }

  lingers(id: number): ReceiveWindow | undefined {
    return this.lingering.get(id)
  }

  /** The number of the next stream of this side. */
  ownId(): number {
    const own = this.live.size + this.lingering.size - this.peerStreams
    if (own >= limits.streamsMax || this.lastOwnId + 2 > 0xffffffff) {
      throw new StreamError('too-many-streams', `${limits.streamsMax} streams are open on this connection`)
    }
    this.lastOwnId += 2
    return this.lastOwnId
  }

  /** Checks the number that the other end gives a new stream. */
  peerId(id: number): void {
    if (!this.isPeers(id) || id <= this.lastPeerId) throw new ProtocolError(`a new stream with the number ${id}`)
    if (this.peerStreams >= limits.streamsMax) {
      throw new ProtocolError(`more than ${limits.streamsMax} streams at once`)
    }
    this.lastPeerId = id
  }

  /** As many streams as this end should hold are over but not read. */
  get crowded(): boolean {
    return this.unread.size >= limits.streamsMax
  }

  add(stream: MuxStream): void {
    this.live.set(stream.id, stream)
    if (stream.fromPeer) this.peerStreams++
  }

  /** Once both directions have ended, the connection has no more to do with it. */
  closeIfOver(stream: MuxStream): void {
    if (!stream.finReceived || !stream.sending.finSent || this.live.get(stream.id) !== stream) return
    this.remove(stream.id)
    if (!stream.destroyed) this.unread.add(stream)
  }

  linger(stream: MuxStream): void {
    this.live.delete(stream.id)
    this.lingering.set(stream.id, stream.window)
  }

  remove(id: number): void {
    const known = this.live.delete(id) || this.lingering.delete(id)
    if (known && this.isPeers(id)) this.peerStreams--
  }

  forget(stream: MuxStream): void {
    this.unread.delete(stream)
  }

  /** There has been such a stream. */
  assertKnown(id: number): void {
    if (id > (this.isPeers(id) ? this.lastPeerId : this.lastOwnId)) {
      throw new ProtocolError(`a frame for stream ${id}, which never was`)
    }
  }

  private isPeers(id: number): boolean {
    return (id & 1) === (this.lastPeerId & 1)
  }
}

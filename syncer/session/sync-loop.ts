import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import { ProtocolError } from '../base/errors.ts'
import type { SyncEngine } from '../engine/engine.ts'
import type { Lane } from '../engine/exchange/peer.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { MessageStream } from '../wire/message-stream.ts'
import { readMessages, writeMessage } from '../wire/sync-codec.ts'
import type { SyncMessage } from '../wire/sync-message.ts'

/** A batch leaves when it has this size, and at the end of each turn. Large ones on the bulk lane save calls. */
const batchBytes = { control: 128 * 1024, bulk: 1024 * 1024 - 4096 }
/** Room for one batch and the file that makes it one. */
const bulkSlabBytes = 1024 * 1024 + 64 * 1024
const sliceMs = 5

export interface LoopHandlers {
  /** The other end broke the protocol, or the connection did. */
  failed(reason: Error): void
  /** A turn is over. */
  turned(): void
}

interface LaneState {
  stream: MessageStream
  writer: ByteWriter
  blocked: boolean
}

/**
 * Runs an engine: gives it messages, hints and time in slices of a few milliseconds, and packs what it sends into
 * batches. Everything asynchronous about sync is here and in the watcher.
 */
export class SyncLoop {
  bytesSent = 0
  bytesReceived = 0
  private readonly clock: Clock
  private readonly handlers: LoopHandlers
  private engine: SyncEngine | undefined
  private lanes: { control: LaneState; bulk: LaneState } | undefined
  private inbox: { lane: Lane; messages: Generator<SyncMessage>; done: () => void }[] = []
  private timer: NodeJS.Timeout | undefined
  private immediate: NodeJS.Immediate | undefined
  /** A save is due in less than a timer can tell. */
  private approach: NodeJS.Immediate | undefined
  private closed = false

  constructor(clock: Clock, handlers: LoopHandlers) {
    this.clock = clock
    this.handlers = handlers
  }

  /** The engine is made with this loop's `send` and `writable`, so it comes after it. */
  run(engine: SyncEngine): void {
    this.engine = engine
    this.wake()
  }

  send(lane: Lane, message: SyncMessage): void {
    const state = this.lanes?.[lane]
    if (state === undefined) return
    writeMessage(state.writer, message)
    if (state.writer.length >= batchBytes[lane]) this.flushLane(state)
  }

  writable(lane: Lane): boolean {
    const state = this.lanes?.[lane]
    return state !== undefined && !state.blocked
  }

  attach(streams: { control: Duplex; bulk: Duplex }): void {
    this.detach()
    this.lanes = { control: this.openLane('control', streams.control), bulk: this.openLane('bulk', streams.bulk) }
    this.engine?.connect()
    this.flush()
    this.wake()
  }

  detach(): void {
    const { lanes } = this
    if (lanes === undefined) return
    this.lanes = undefined
    for (const generator of this.inbox.splice(0)) generator.messages.return(undefined)
    lanes.control.stream.stream.destroy()
    lanes.bulk.stream.stream.destroy()
    this.engine?.disconnect()
  }

  get attached(): boolean {
    return this.lanes !== undefined
  }

  /** There may be work now: a hint came in, or something was asked. */
  wake(): void {
    if (this.closed || this.immediate !== undefined) return
    this.clearTimers()
    this.immediate = setImmediate(() => {
      this.immediate = undefined
      this.turn()
    })
  }

  close(): void {
    this.closed = true
    this.detach()
    this.clearTimers()
    clearImmediate(this.immediate)
  }

  /** What was sent goes out now. */
  flush(): void {
    const { lanes } = this
    if (lanes === undefined) return
    this.flushLane(lanes.control)
    this.flushLane(lanes.bulk)
  }

  private openLane(lane: Lane, duplex: Duplex): LaneState {
    const state: LaneState = {
      stream: new MessageStream(duplex, {
        message: (bytes, done) => this.arrived(lane, state, bytes, done),
        drain: () => {
          state.blocked = false
          this.wake()
        },
        end: () => this.lost(state, new Error('the other end closed the sync connection')),
        close: error => this.lost(state, error ?? new Error('the sync connection is closed')),
      }),
      writer: lane === 'bulk' ? new ByteWriter(bulkSlabBytes) : new ByteWriter(),
      blocked: false,
    }
    return state
  }

  private lost(state: LaneState, reason: Error): void {
    if (this.lanes?.control !== state && this.lanes?.bulk !== state) return
    this.detach()
    this.handlers.failed(reason)
  }

  private arrived(lane: Lane, state: LaneState, bytes: Buffer, done: () => void): void {
    if (this.lanes?.[lane] !== state) return
    this.bytesReceived += bytes.length
    // Content is written where it belongs when it is taken; what is in a decision may be kept.
    this.inbox.push({ lane, messages: readMessages(bytes), done: lane === 'bulk' ? done : () => {} })
    if (this.inbox.length > 8) state.stream.pause()
    // A single small message is handled on the spot: that is the way of a save.
    if (this.inbox.length === 1 && this.immediate === undefined) this.turn()
    else this.wake()
  }

  private turn(): void {
    const { engine } = this
    if (engine === undefined || this.closed) return
    const endMs = this.clock.monotonic() + sliceMs
    try {
      this.takeInbox(engine, endMs)
      engine.tick(this.inbox.length > 0)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.detach()
      this.handlers.failed(error)
    }
    this.flush()
    this.handlers.turned()
    this.schedule(engine)
  }

  private takeInbox(engine: SyncEngine, endMs: number): void {
    const isOver = () => this.clock.monotonic() >= endMs
    while (this.inbox.length > 0) {
      const first = this.inbox[0]!
      let exhausted = true
      const slice = untilOver(first.messages, () => {
        exhausted = !isOver()
        return !exhausted
      })
      engine.receiveAll(first.lane, slice)
      if (this.inbox[0] !== first) return
      if (!exhausted) return
      this.inbox.shift()
      first.done()
      if (this.inbox.length <= 4) {
        this.lanes?.control.stream.resume()
        this.lanes?.bulk.stream.resume()
      }
    }
  }

  private flushLane(state: LaneState): void {
    if (state.writer.length === 0) return
    this.bytesSent += state.writer.length
    const { parts, done } = state.writer.takeOut()
    if (!state.stream.send(parts, done)) state.blocked = true
  }

  private schedule(engine: SyncEngine): void {
    if (this.closed || this.immediate !== undefined) return
    this.clearTimers()
    const dueMs = engine.due()
    const waitMs = this.inbox.length > 0 ? 0 : dueMs - this.clock.monotonic()
    if (waitMs <= 0) this.wake()
    else if (engine.saveDue() === dueMs && Number.isFinite(dueMs)) this.turnSharpAt(dueMs)
    else if (Number.isFinite(waitMs)) this.timer = setTimeout(() => this.turn(), Math.min(Math.ceil(waitMs), 3_600_000))
  }

  /**
   * A save's time is kept closer than a timer does. Node's are whole milliseconds from a clock that it reads once in a
   * turn: they come up to one early, and rounded up the next one comes as much late. The rest is watched go by, with
   * events between: one at least, for what was written a moment ago may wait to be told.
   */
  private turnSharpAt(dueMs: number): void {
    const leftMs = dueMs - this.clock.monotonic()
    if (leftMs >= 1) this.timer = setTimeout(() => this.turnSharpAt(dueMs), Math.floor(leftMs))
    else this.approachTo(dueMs)
  }

  private approachTo(dueMs: number): void {
    this.approach = setImmediate(() => {
      if (this.clock.monotonic() >= dueMs) this.turn()
      else this.approachTo(dueMs)
    })
  }

  private clearTimers(): void {
    clearTimeout(this.timer)
    clearImmediate(this.approach)
  }
}

/** The messages up to the one after which time is up; the generator itself stays where it is. */
function* untilOver(messages: Generator<SyncMessage>, isOver: () => boolean): Generator<SyncMessage> {
  for (;;) {
    const next = messages.next()
    if (next.done === true) return
    yield next.value
    if (isOver()) return
  }
}

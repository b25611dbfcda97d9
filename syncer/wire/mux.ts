import type { Duplex } from 'node:stream'
import { type Clock, systemClock, systemTimers, type Timers } from '../base/clock.ts'
import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { AfterEvents } from './after-events.ts'
import { type Frame, FrameDecoder, joinPayload } from './frame.ts'
import { decodeOpen, encodeOpen, encodeReset, Priority, type StreamEnd } from './frame-payload.ts'
import { Heartbeat } from './heartbeat.ts'
import { MuxStream, type MuxStreamOptions, type StreamLink } from './mux-stream.ts'
import { ReceiveWindow, type WindowSize } from './receive-window.ts'
import { Receiver } from './receiver.ts'
import { Sender } from './sender.ts'
import { StreamError } from './stream-error.ts'
import { StreamTable } from './stream-table.ts'

export interface MuxOptions {
  /** A reliable byte stream; the multiplexer owns it from now on. */
  carrier: Duplex
  /** The laptop's streams have odd numbers, the agent's even ones. The laptop speaks first. */
  side: 'laptop' | 'agent'
  /**
   * A request of the other end. Must `accept()` the stream, write to it, or `reset()` it; what is not served at all is
   * refused by default.
   */
  onOpen?: (request: unknown, stream: MuxStream) => void
  clock?: Clock
  timers?: Timers
  /**
   * Streams at full speed are sent when this calls back, so that what has arrived by now goes out at once: fewer and
   * fuller writes for everybody on the way. Absent: at the end of the turn, as small things always are.
   */
  afterEvents?: AfterEvents
}

export interface OpenOptions {
  priority: Priority
  /** Credit that the other end gets; at least `limits.streamWindowBytes`. */
  window?: WindowSize
}

/** How a connection ended. */
export interface MuxEnd {
  /**
   * - `closed`    by this end
   * - `goodbye`   by the other end, which said why
   * - `lost`      the carrier ended or failed
   * - `silent`    nothing came for `limits.pingTimeoutMs`
   * - `protocol`  the other end broke the protocol
   */
  code: 'closed' | 'goodbye' | 'lost' | 'silent' | 'protocol'
  message: string
}

/** At most 10 ms of what the connection gives: so long a keystroke may have to wait behind a stream at full speed. */
const interactiveWindow: WindowSize = {
  bytes: limits.streamWindowBytes,
  bytesMax: limits.streamWindowBytesMax,
  bridgeMs: 10,
}

/** For streams that carry content in bulk: `max(4 MiB, 50 ms)` of what the connection gives. */
export const bulkWindow: WindowSize = {
  bytes: limits.bulkWindowBytes,
  bytesMax: limits.bulkWindowBytesMax,
  bridgeMs: 50,
}

/** How long the last words may take before the carrier is cut. */
const farewellMs = 1_000

/**
 * Many streams over one byte stream, with credit from end to end, priorities, and a heartbeat. Nothing queues without
 * a bound: data waits in its stream's own back-pressure, everything else is merged.
 */
export class Mux implements StreamLink {
  /** Resolves, never rejects, when the connection is over. */
  readonly closed: Promise<MuxEnd>
  private readonly carrier: Duplex
  private readonly onOpen: MuxOptions['onOpen']
  private readonly clock: Clock
  private readonly timers: Timers
  private readonly sender: Sender
  private readonly receiver: Receiver
  private readonly decoder = new FrameDecoder()
  private readonly table: StreamTable
  private readonly heartbeat: Heartbeat
  private resolveClosed: (end: MuxEnd) => void = () => {}
  private end: MuxEnd | undefined
  /** The agent's end says nothing before the laptop's has spoken: until then its pipe may not be ours alone. */
  private mayPing: boolean

  constructor(options: MuxOptions) {
    this.carrier = options.carrier
    this.onOpen = options.onOpen
    this.clock = options.clock ?? systemClock
    this.timers = options.timers ?? systemTimers
    this.sender = new Sender(this.carrier, stream => this.table.closeIfOver(stream), options.afterEvents)
    this.table = new StreamTable(options.side)
    this.mayPing = options.side === 'laptop'
    this.closed = new Promise(resolve => {
      this.resolveClosed = resolve
    })
    this.heartbeat = new Heartbeat({
      clock: this.clock,
      timers: this.timers,
      intervalMs: limits.pingIntervalMs,
      timeoutMs: limits.pingTimeoutMs,
      ping: number => this.sendPing(number),
      silent: () => this.finish({ code: 'silent', message: `no sign of life for ${limits.pingTimeoutMs / 1000} s` }),
    })
    this.receiver = new Receiver({
      table: this.table,
      sender: this.sender,
      opened: frame => this.openedByPeer(frame),
      pong: number => this.heartbeat.pong(number),
      goodbye: message => this.finish({ code: 'goodbye', message }),
      wantsToSend: stream => this.wantsToSend(stream),
    })
    this.listen()
    if (this.mayPing) this.heartbeat.ping()
  }

  /** The shortest of the last round trips, in ms; 0 before the first answer. */
  get roundTripMs(): number {
    return this.heartbeat.roundTripMs
  }

  get ended(): MuxEnd | undefined {
    return this.end
  }

  /**
   * Sends a request; data may be written at once. Throws {@link StreamError} `connection-lost`, `too-many-streams`, or
   * `bad-request` where the request is too long.
   */
  open(request: unknown, options: OpenOptions): MuxStream {
    if (this.end) throw new StreamError('connection-lost', this.end.message)
    const size = options.window ?? defaultWindow(options.priority)
    const payload = encodeOpen(options.priority, size.bytes - limits.streamWindowBytes, request)
    if (payload.length > limits.openPayloadBytesMax) {
      throw new StreamError('bad-request', `the request is longer than ${limits.openPayloadBytesMax} bytes`)
    }
    const stream = this.newStream({
      id: this.table.ownId(),
      priority: options.priority,
      size,
      creditBytes: limits.streamWindowBytes,
      fromPeer: false,
    })
    this.sender.control.open(stream.id, payload)
    this.sender.schedule()
    return stream
  }

  /** Says goodbye and closes the carrier; resolves when it is closed. */
  close(message = 'closed'): Promise<void> {
    this.finish({ code: 'closed', message }, message)
    return new Promise(resolve => {
      if (this.carrier.closed) resolve()
      else this.carrier.once('close', resolve)
    })
  }

  accept(stream: MuxStream, window: WindowSize | undefined): void {
    if (this.table.get(stream.id) !== stream) return
    this.sender.control.accept(stream.id, stream.window.resize(window ?? defaultWindow(stream.priority)))
    this.sender.schedule()
  }

  wantsToSend(stream: MuxStream): void {
    if (!stream.sending.ready || this.table.get(stream.id) !== stream) return
    this.sender.add(stream)
  }

  consumed(stream: MuxStream, bytes: number): void {
    if (stream.finReceived || this.table.get(stream.id) !== stream) return
    const grantedBytes = stream.window.consume(bytes, this.clock.monotonic(), this.roundTripMs)
    if (grantedBytes === 0) return
    this.sender.control.grant(stream.id, grantedBytes)
    this.sender.schedule()
  }

  destroyed(stream: MuxStream, end: StreamEnd): void {
    this.sender.remove(stream)
    this.table.forget(stream)
    if (this.end || this.table.get(stream.id) !== stream) return
    const unheardOf = this.sender.control.dropOpen(stream.id)
    if (unheardOf || stream.finReceived) this.table.remove(stream.id)
    else this.table.linger(stream)
    if (unheardOf) return
    this.sender.control.reset(stream.id, encodeReset(end))
    this.sender.schedule()
  }

  private listen(): void {
    const { carrier } = this
    carrier.on('data', (chunk: Buffer) => this.receive(chunk))
    carrier.on('end', () => this.finish({ code: 'lost', message: 'the connection ended' }))
    carrier.on('close', () => this.finish({ code: 'lost', message: 'the connection was closed' }))
    carrier.on('error', error => this.finish({ code: 'lost', message: error.message }))
    // whoever read from it before may have paused it
    carrier.resume()
  }

  private receive(chunk: Buffer): void {
    if (this.end) return
    this.heartbeat.heard()
    if (!this.mayPing) {
      this.mayPing = true
      this.heartbeat.ping()
    }
    try {
      this.decoder.push(chunk, frame => !this.end && this.receiver.take(frame))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.finish({ code: 'protocol', message: error.message }, error.message)
    }
  }

  private openedByPeer(frame: Frame): void {
    const { priority, extraCredit, request } = decodeOpen(joinPayload(frame))
    const stream = this.newStream({
      id: frame.stream,
      priority,
      size: interactiveWindow,
      creditBytes: limits.streamWindowBytes + extraCredit,
      fromPeer: true,
    })
    if (this.table.crowded) stream.reset('too-many-streams', 'too many streams wait to be read')
    else if (this.onOpen) this.onOpen(request, stream)
    else stream.reset('refused', 'this end serves no requests')
  }

  private newStream(options: Omit<MuxStreamOptions, 'window'> & { size: WindowSize }): MuxStream {
    const window = new ReceiveWindow(options.size, this.clock.monotonic())
    const stream = new MuxStream(this, { ...options, window })
    this.table.add(stream)
    return stream
  }

  private sendPing(number: number): void {
    if (!this.mayPing) return
    this.sender.control.ping(number)
    this.sender.schedule()
  }

  private finish(end: MuxEnd, farewell?: string): void {
    if (this.end) return
    this.end = end
    this.heartbeat.stop()
    this.sender.stop()
    if (farewell === undefined || !this.carrier.writable) this.carrier.destroy()
    else this.sayGoodbye(farewell)
    for (const stream of this.table.streams) stream.reset('connection-lost', end.message)
    this.resolveClosed(end)
  }

  private sayGoodbye(farewell: string): void {
    this.sender.goodbye(farewell)
    const cancel = this.timers.after(farewellMs, () => this.carrier.destroy())
    this.carrier.once('close', cancel)
  }
}

function defaultWindow(priority: Priority): WindowSize {
  return priority === Priority.bulk ? bulkWindow : interactiveWindow
}

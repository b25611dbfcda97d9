import { connect, type Socket } from 'node:net'
import type { Timers } from '../base/clock.ts'
import { encodeSize, type TerminalSize } from '../wire/terminal-message.ts'

/** What a client may say to `init pty` (see `native/pty.c`). */
const PtyMessage = { input: 0, size: 1, signal: 2 } as const
const payloadBytesMax = 0xffff

const connectIntervalMs = 10

export interface PtyHandlers {
  output: (bytes: Buffer) => void
  /** Input is welcome again. */
  drain: () => void
  /** The program has ended and all of its output has been given, or the terminal's holder is gone. */
  close: () => void
}

/** A connection to a terminal that `init pty` holds. It replaces the one before. */
export class PtyConnection {
  private readonly socket: Socket

  constructor(socket: Socket, handlers: PtyHandlers) {
    this.socket = socket
    socket.on('data', handlers.output)
    socket.on('drain', handlers.drain)
    socket.on('error', () => {})
    socket.once('close', handlers.close)
  }

  /** False: hold input back until `drain`. */
  input(bytes: Buffer): boolean {
    let wantsMore = true
    for (let at = 0; at < bytes.length; at += payloadBytesMax) {
      wantsMore = this.send(PtyMessage.input, bytes.subarray(at, at + payloadBytesMax))
    }
    return wantsMore
  }

  resize(size: TerminalSize): void {
    this.send(PtyMessage.size, encodeSize(size))
  }

  /** Signals the foreground process group. */
  signal(number: number): void {
    this.send(PtyMessage.signal, Buffer.of(number))
  }

  /** Takes no more output for now; the program waits when its terminal is full. */
  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  close(): void {
    this.socket.destroy()
  }

  private send(type: number, payload: Buffer): boolean {
    if (this.socket.destroyed) return true
    const header = Buffer.of(type, payload.length >> 8, payload.length & 0xff)
    return this.socket.write(Buffer.concat([header, payload]))
  }
}

/** Connects as soon as the holder listens; undefined where `isThere` says that it never will. */
export async function connectPty(
  path: string,
  handlers: PtyHandlers,
  options: { timers: Timers; isThere: () => boolean },
): Promise<PtyConnection | undefined> {
  for (;;) {
    const socket = await dialSocket(path)
    if (socket) return new PtyConnection(socket, handlers)
    if (!options.isThere()) return undefined
    await new Promise<void>(resolve => options.timers.after(connectIntervalMs, resolve))
  }
}

function dialSocket(path: string): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('error', () => resolve(undefined))
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

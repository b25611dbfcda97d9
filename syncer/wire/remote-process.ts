import { Readable, Writable } from 'node:stream'
import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { MessageStream } from './message-stream.ts'
import type { MuxStream } from './mux-stream.ts'
import { type TerminalExit, TerminalFrame } from './services.ts'
import { StreamError } from './stream-error.ts'
import {
  encodeSize,
  splitTerminalMessage,
  type TerminalFrameType,
  type TerminalSize,
  terminalChunks,
  terminalMessage,
} from './terminal-message.ts'

/**
 * A program in the pod: its three streams, with back-pressure, and how it ended. Both outputs must be read (or
 * `resume()`d), for they share one stream of the connection; with a terminal all output is `stdout`.
 */
export class RemoteProcess {
  /** Ending it ends the program's stdin. */
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /**
   * How the program ended, after the last byte of output was passed on. Rejects with a {@link StreamError} where the
   * connection (`connection-lost`) or the agent gave up on it.
   */
  readonly exit: Promise<TerminalExit>
  private readonly messages: MessageStream
  private readonly full = new Set<Readable>()
  private continueInput: (() => void) | undefined
  private hasExited = false
  private resolveExit: (exit: TerminalExit) => void = () => {}
  private rejectExit: (error: Error) => void = () => {}

  constructor(stream: MuxStream) {
    this.exit = new Promise((resolve, reject) => {
      this.resolveExit = resolve
      this.rejectExit = reject
    })
    // a caller may look at it only when the output has ended
    this.exit.catch(() => {})
    this.stdout = this.output()
    this.stderr = this.output()
    this.stdin = this.input()
    this.messages = new MessageStream(
      stream,
      {
        message: bytes => this.receive(bytes),
        drain: () => this.inputTaken(),
        close: error => this.closed(error),
      },
      limits.terminalMessageBytesMax,
    )
  }

  resize(size: TerminalSize): void {
    this.send(TerminalFrame.resize, encodeSize(size))
  }

  /** Sends a signal (`SIGINT`, …) to the program's process group. */
  signal(name: string): void {
    this.send(TerminalFrame.signal, Buffer.from(name))
  }

  /** Lets go of it: a program of our own is ended, a terminal only loses this viewer. */
  close(): void {
    this.messages.stream.destroy()
  }

  private send(type: TerminalFrameType, payload: Uint8Array): boolean {
    return this.messages.send(terminalMessage(type, payload))
  }

  private receive(message: Buffer): void {
    const { type, payload } = splitTerminalMessage(message)
    if (type === TerminalFrame.stdout) this.pass(this.stdout, payload)
    else if (type === TerminalFrame.stderr) this.pass(this.stderr, payload)
    else if (type === TerminalFrame.exit) this.ended(parseExit(payload))
    else throw new ProtocolError(`terminal message of type ${type}`)
  }

  private pass(output: Readable, payload: Buffer): void {
    if (output.destroyed || output.push(payload)) return
    this.full.add(output)
    this.messages.pause()
  }

  private ended(exit: TerminalExit): void {
    this.hasExited = true
    this.stdout.push(null)
    this.stderr.push(null)
    this.stdin.destroy()
    this.messages.end()
    this.resolveExit(exit)
  }

  private closed(error: Error | undefined): void {
    if (this.hasExited) return
    const reason = error ?? new StreamError('cancelled', 'the program was let go')
    this.rejectExit(reason)
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.destroy(error)
  }

  private output(): Readable {
    const output = new Readable({
      read: () => this.wantsMore(output),
      destroy: (error, done) => {
        this.wantsMore(output)
        done(error)
      },
    })
    return output.on('error', () => {})
  }

  private wantsMore(output: Readable): void {
    if (this.full.delete(output) && this.full.size === 0) this.messages.resume()
  }

  private input(): Writable {
    const input = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        let wantsMore = true
        for (const payload of terminalChunks(chunk)) wantsMore = this.send(TerminalFrame.stdin, payload)
        if (wantsMore) done()
        else this.continueInput = done
      },
      final: done => {
        this.send(TerminalFrame.stdinEnd, Buffer.alloc(0))
        done()
      },
    })
    return input.on('error', () => {})
  }

  private inputTaken(): void {
    const { continueInput } = this
    this.continueInput = undefined
    continueInput?.()
  }
}

function parseExit(payload: Buffer): TerminalExit {
  const exit = parseJson(payload)
  if (typeof exit === 'object' && exit !== null && 'code' in exit && typeof exit.code === 'number') {
    const { signal, error } = exit as Partial<TerminalExit>
    return {
      code: exit.code,
      ...(typeof signal === 'string' && { signal }),
      ...(typeof error === 'string' && { error }),
    }
  }
  throw new ProtocolError('an exit without a code')
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString())
  } catch {
    throw new ProtocolError('an exit that is no JSON')
  }
}

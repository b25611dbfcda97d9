import { limits } from '../../base/limits.ts'
import { MessageStream } from '../../wire/message-stream.ts'
import type { MuxStream } from '../../wire/mux-stream.ts'
import { type TerminalExit, TerminalFrame } from '../../wire/services.ts'
import {
  decodeSize,
  splitTerminalMessage,
  type TerminalSize,
  terminalChunkBytes,
  terminalMessage,
} from '../../wire/terminal-message.ts'
import type { Scrollback } from '../scrollback.ts'

export interface ViewerHandlers {
  /** False: more input only after {@link Viewer.continueInput}. */
  input: (bytes: Buffer) => boolean
  resize: (size: TerminalSize) => void
  signal: (name: string) => void
  close: () => void
}

/** What a new viewer is shown of the past. */
const replayBytes = 64 * 1024

/**
 * One look at the dev command's terminal. A viewer that stands still holds up neither the program nor other viewers: it
 * loses the oldest output, and is told so.
 */
export class Viewer {
  private readonly handlers: ViewerHandlers
  private readonly messages: MessageStream
  private readonly output: Scrollback
  private position: number
  private isBlocked = false
  private exit: TerminalExit | undefined

  constructor(stream: MuxStream, output: Scrollback, handlers: ViewerHandlers) {
    this.handlers = handlers
    this.output = output
    this.position = Math.max(output.start, output.end - replayBytes)
    stream.accept()
    this.messages = new MessageStream(
      stream,
      {
        message: bytes => this.receive(bytes),
        drain: () => this.drain(),
        close: handlers.close,
      },
      limits.terminalMessageBytesMax,
    )
    this.show()
  }

  /** Sends what is new, as far as the viewer takes it. */
  show(): void {
    while (!this.isBlocked && this.position < this.output.end) {
      const skipped = this.output.start - this.position
      if (skipped > 0) this.skip(skipped)
      else this.send(this.output.read(this.position, terminalChunkBytes))
    }
    if (this.exit && this.position === this.output.end) this.sendExit(this.exit)
  }

  /** The program has ended; the viewer is told after everything that it printed. */
  end(exit: TerminalExit): void {
    this.exit = exit
    this.show()
  }

  continueInput(): void {
    this.messages.resume()
  }

  private drain(): void {
    this.isBlocked = false
    this.show()
  }

  private skip(bytes: number): void {
    this.position += bytes
    this.sendStdout(Buffer.from(`\r\n[podswap: ${bytes} bytes of output were skipped here]\r\n`))
  }

  private send(output: Buffer): void {
    this.position += output.length
    this.sendStdout(output)
  }

  private sendStdout(bytes: Buffer): void {
    this.isBlocked = !this.messages.send(terminalMessage(TerminalFrame.stdout, bytes))
  }

  private sendExit(exit: TerminalExit): void {
    this.exit = undefined
    this.messages.send(terminalMessage(TerminalFrame.exit, Buffer.from(JSON.stringify(exit))))
    this.messages.end()
  }

  private receive(message: Buffer): void {
    const { type, payload } = splitTerminalMessage(message)
    if (type === TerminalFrame.stdin) {
      if (!this.handlers.input(payload)) this.messages.pause()
    } else if (type === TerminalFrame.resize) this.handlers.resize(decodeSize(payload))
    else if (type === TerminalFrame.signal) this.handlers.signal(payload.toString())
  }
}

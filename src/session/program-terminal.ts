import type { ReadStream, WriteStream } from 'node:tty'
import type { AgentClient } from '../../syncer/wire/client.ts'
import type { TerminalExit } from '../../syncer/wire/services.ts'
import { escapeStart, escapeStep } from '../ui/escape-keys.ts'
import { TerminalModes } from '../ui/terminal-modes.ts'
import { ProgramView } from './program-view.ts'

const CTRL_C = 0x03

export interface TerminalEvents {
  exit(exit: TerminalExit): void
  /** The agent gave up on the program's terminal, though the connection stands. */
  lost(error: Error): void
  /** The keys Enter ~ . */
  leave(): void
  /** Ctrl-C where no program is there to take it. */
  interrupt(): void
}

/** Lends this process's terminal to the dev command: raw keys, window size, output as it is. */
export class ProgramTerminal {
  readonly #in: ReadStream
  readonly #out: WriteStream
  readonly #events: TerminalEvents
  readonly #modes = new TerminalModes()
  readonly #view: ProgramView
  #escape = escapeStart
  #isOpen = false
  /** The cursor is where a line of ours ended. */
  #isBelowOwn = false

  constructor(input: ReadStream, output: WriteStream, events: TerminalEvents) {
    this.#in = input
    this.#out = output
    this.#events = events
    this.#view = new ProgramView({
      output: chunk => {
        this.#modes.push(chunk)
        this.#isBelowOwn = false
        return output.write(chunk)
      },
      exit: exit => events.exit(exit),
      lost: error => events.lost(error),
    })
  }

  /** The program has it now, or had it last and may come back. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Shows the program over this connection. `isSame`: the run that was shown before. */
  show(agent: AgentClient, isSame: boolean): void {
    this.#take()
    this.#view.open(agent, this.#size(), isSame)
  }

  /** The connection is gone; the terminal waits for the next one. */
  pause(): void {
    this.#view.close()
  }

  /** Before a line of ours: the program may have left the cursor anywhere in its own. */
  beginLine(): void {
    if (this.#isBelowOwn) return
    this.#isBelowOwn = true
    this.#out.write('\r\n')
  }

  /** Gives the terminal back as it was; harmless when done twice. */
  close(): void {
    this.#view.close()
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#in.off('data', this.#onKeys)
    this.#out.off('resize', this.#onResize)
    this.#out.off('drain', this.#onDrain)
    process.off('exit', this.#onExit)
    this.#in.setRawMode(false)
    this.#in.pause()
    this.#out.write(this.#modes.undo())
  }

  #take(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#in.setRawMode(true)
    this.#in.on('data', this.#onKeys)
    this.#in.resume()
    this.#out.on('resize', this.#onResize)
    this.#out.on('drain', this.#onDrain)
    // Whatever ends this process, the shell gets its terminal back.
    process.on('exit', this.#onExit)
  }

  #size(): { columns: number; rows: number } {
    return { columns: this.#out.columns || 80, rows: this.#out.rows || 24 }
  }

  readonly #onResize = () => this.#view.resize(this.#size())
  readonly #onDrain = () => this.#view.resume()
  readonly #onExit = () => this.close()

  readonly #onKeys = (chunk: Buffer) => {
    const { state, keys, leave } = escapeStep(this.#escape, chunk)
    this.#escape = state
    if (this.#view.isOpen) this.#view.input(keys)
    else if (keys.includes(CTRL_C)) this.#events.interrupt()
    if (leave) this.#events.leave()
  }
}

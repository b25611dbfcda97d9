import { errnoOf } from '../../syncer/base/errors.ts'
import type { AgentClient } from '../../syncer/wire/client.ts'
import type { RemoteProcess } from '../../syncer/wire/remote-process.ts'
import type { TerminalExit } from '../../syncer/wire/services.ts'
import type { TerminalSize } from '../../syncer/wire/terminal-message.ts'
import { ReplayFilter } from '../ui/replay-filter.ts'

export interface ProgramEvents {
  /** False: hold back until {@link ProgramView.resume}. */
  output(chunk: Buffer): boolean
  /** After the last byte of output. */
  exit(exit: TerminalExit): void
  /** The agent gave up on it, though the connection stands. */
  lost(error: Error): void
}

/** The dev command's terminal over connections that come and go: what was shown once is not shown again. */
export class ProgramView {
  readonly #events: ProgramEvents
  readonly #filter = new ReplayFilter()
  #program: RemoteProcess | null = null

  constructor(events: ProgramEvents) {
    this.#events = events
  }

  /** Whether there is a program to type to. */
  get isOpen(): boolean {
    return this.#program !== null
  }

  /** `isSame`: the run of the program that was shown before, if one was. */
  open(agent: AgentClient, size: TerminalSize, isSame: boolean): void {
    this.close()
    this.#filter.restart(isSame)
    const program = agent.terminal(size)
    this.#program = program
    program.stderr.resume()
    program.stdout.on('data', (chunk: Buffer) => {
      const fresh = this.#filter.push(chunk)
      if (fresh.length > 0 && !this.#events.output(fresh)) program.stdout.pause()
    })
    program.exit.then(
      exit => this.#end(program, () => this.#events.exit(exit)),
      error => this.#end(program, () => errnoOf(error) !== 'connection-lost' && this.#events.lost(error)),
    )
  }

  input(keys: Buffer): void {
    this.#program?.stdin.write(keys)
  }

  resize(size: TerminalSize): void {
    this.#program?.resize(size)
  }

  resume(): void {
    this.#program?.stdout.resume()
  }

  /** Lets go of it; the program goes on. */
  close(): void {
    const program = this.#program
    this.#program = null
    program?.close()
  }

  #end(program: RemoteProcess, how: () => void): void {
    if (this.#program !== program) return
    this.#program = null
    how()
  }
}

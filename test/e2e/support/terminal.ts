import { fileURLToPath } from 'node:url'
import { type CommandOptions, RunningCommand } from './command.ts'
import { type UntilOptions, until } from './until.ts'

export interface TerminalOptions extends CommandOptions {
  columns?: number
  rows?: number
}

interface Report {
  pid?: number
  exit?: number
  /** The terminal's settings (termios) are as they were before the program. */
  settingsKept?: boolean
}

const holder = fileURLToPath(new URL('terminal.py', import.meta.url))

/**
 * A program in a terminal of its own, held by Python's standard library (Node has no way to open one). Its output is
 * what a terminal emulator would get, escape bytes and all.
 */
export class Terminal {
  readonly #command: RunningCommand

  constructor(argv: string[], options: TerminalOptions = {}) {
    const size = [String(options.columns ?? 80), String(options.rows ?? 24)]
    const env = { TERM: 'xterm-256color', ...options.env }
    this.#command = new RunningCommand('python3', [holder, ...size, ...argv], { ...options, env })
  }

  /** Everything that the program printed. */
  get output(): string {
    return this.#command.stdout
  }

  get running(): boolean {
    return this.#command.running
  }

  type(keys: string): void {
    this.#tell({ type: keys })
  }

  resize(columns: number, rows: number): void {
    this.#tell({ resize: [columns, rows] })
  }

  /** Waits until the output, from `from` on, matches; gives the match. */
  async shows(pattern: RegExp, options: UntilOptions & { from?: number } = {}): Promise<RegExpExecArray> {
    return await until(
      `the terminal shows ${pattern}; it shows:\n${this.output.slice(-2000)}`,
      () => pattern.exec(this.output.slice(options.from ?? 0)),
      { deadlineMs: 60_000, everyMs: 20, ...options },
    ).catch(error => {
      throw new Error(`${error.message}\n--- now:\n${this.output.slice(-4000)}`)
    })
  }

  /** Waits for the program's end. */
  async finished(timeoutMs = 60_000): Promise<{ code: number; settingsKept: boolean }> {
    const { code, stderr } = await this.#command.finished(timeoutMs)
    const reports = parseReports(stderr)
    return { code, settingsKept: reports.some(report => report.settingsKept === true) }
  }

  /** Process id of the program in the terminal. */
  async pid(): Promise<number> {
    return await until('the terminal reports a pid', () => parseReports(this.#command.stderr).find(r => r.pid)?.pid)
  }

  async kill(): Promise<void> {
    await this.#command.kill()
  }

  #tell(message: object): void {
    this.#command.child.stdin.write(`${JSON.stringify(message)}\n`)
  }
}

function parseReports(text: string): Report[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  return complete
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
}

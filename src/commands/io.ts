import type { ReadStream, WriteStream } from 'node:tty'

/** The process as a command sees it. */
export interface Io {
  env: Record<string, string | undefined>
  cwd: string
  platform: NodeJS.Platform
  homedir: string
  tmpdir: string
  user: string
  host: string
  stdin: ReadStream
  stdout: WriteStream
  stderr: WriteStream
  /**
   * Aborted by the first SIGINT, SIGTERM or SIGHUP. A command that wants to hear of each signal, and to end in its own
   * way, takes them over with `onSignal`.
   */
  interrupted: AbortSignal
  /** Until the returned function is called, signals go to `handler` and abort nothing. */
  onSignal(handler: (signal: NodeJS.Signals) => void): () => void
}

/** Options that mean the same everywhere. */
export interface GlobalOptions {
  file?: string
  namespace?: string
  context?: string
  json?: boolean
  color: boolean
  verbose?: boolean
}

/** One command as it was called. */
export interface Invocation<Options = Record<string, never>> {
  io: Io
  globals: GlobalOptions
  names: string[]
  /** What came after `--`; null where there was no `--`. */
  rest: string[] | null
  options: Options
}

/**
 * What the laptop may ask of the in-pod agent: each request opens one stream of the multiplexer, its JSON is the
 * payload of the OPEN frame.
 */
export type OpenRequest =
  | SyncRequest
  | TcpRequest
  | ListenRequest
  | ExecRequest
  | TerminalRequest
  | SecretRequest
  | CallRequest

/** The sync protocol for one folder; one stream for each lane, on its own connection. */
export interface SyncRequest {
  kind: 'sync'
  lane: 'control' | 'bulk'
  /** Absolute folder in the container; made when it is missing. */
  folder: string
  /** Id of the laptop's session for this folder; a newer attachment of the same session replaces the older one. */
  session: string
  /** Pairs the two lanes: both carry the same number, raised at each attach. */
  attempt: number
  /**
   * When the laptop took the workload's Lease, ms by the API server's clock: one who took it earlier than somebody who
   * has been here has lost it, and is refused. 0: it has no Lease, and nobody is refused for its sake.
   */
  fence: number
}

/**
 * A TCP connection dialled from inside the pod; the stream carries its bytes, half-close included, and is accepted when
 * it stands. `localhost` is the dev container, by IPv4 or IPv6. A port that refuses, and a name that does not resolve,
 * is tried again for `dialRetryMs` (a program that restarts); then the stream is reset with the system's error code.
 */
export interface TcpRequest {
  kind: 'tcp'
  host: string
  port: number
}

/**
 * A port of the pod's loopback that leads to the laptop; it is open when the stream is accepted, and for some seconds
 * after the stream has ended. It is reset with the system's error code where the port cannot be had, and as `replaced`
 * where another connection asks for the same one. The stream carries nothing.
 */
export interface ListenRequest {
  kind: 'listen'
  port: number
}

/**
 * The one request that the agent makes of the laptop: a connection came to a port that was asked for with
 * {@link ListenRequest}. The stream carries its bytes, half-close included, and is accepted when the laptop's own
 * connection stands.
 */
export interface ReverseRequest {
  kind: 'reverse'
  port: number
}

/** A command of its own; the stream carries {@link TerminalFrame}s. */
export interface ExecRequest {
  kind: 'exec'
  argv: string[]
  cwd?: string
  /** On top of the container's own environment. */
  env?: Record<string, string>
  /** Runs it in a terminal of this size; absent: three pipes. */
  terminal?: { columns: number; rows: number; term: string }
}

/** The dev command's terminal: what it printed lately, then live; the stream carries {@link TerminalFrame}s. */
export interface TerminalRequest {
  kind: 'terminal'
  columns: number
  rows: number
}

/**
 * A secret file: the stream carries its content there, at most `limits.secretBytesMax`, and a {@link CallAnswer} with
 * {@link PlacedSecret} back.
 */
export interface SecretRequest {
  kind: 'secret'
  /** Of the file in the memory volume: hexadecimal digits. */
  name: string
  /** Where a link leads to it. */
  path: string
  /** Permission bits. */
  mode: number
}

export interface PlacedSecret {
  /** What stood at the path is there now. */
  movedTo?: string
}

/** One request, one answer: the stream brings one JSON document, {@link CallAnswer}. */
export interface CallRequest {
  kind: 'call'
  call: AgentCall
}

export type AgentCall =
  | {
      method: 'start-command'
      argv: string[]
      cwd?: string
      /** `cwd` is made where it is missing. */
      makesFolder?: boolean
      /** On top of the container's own environment. */
      env: Record<string, string>
      columns: number
      rows: number
    }
  | { method: 'command-state' }
  /** Ends the dev command: SIGTERM, then SIGHUP, then SIGKILL; answers when it has ended. */
  | { method: 'stop-command' }
  /** One attempt, without the patience of a {@link TcpRequest}. */
  | { method: 'probe-tcp'; host: string; port: number; timeoutMs: number }
  | { method: 'agent-state' }
  /** Makes ready to take one connection on a port of the pod; see {@link OpenedPort}. */
  /** `packed`: what goes over it is a `PackedStream`. */
  | { method: 'open-port'; packed: boolean }

/** What each call answers. */
export interface CallResults {
  'start-command': StartedCommand
  'command-state': CommandState
  'stop-command': CommandState
  'probe-tcp': ProbeResult
  'agent-state': AgentState
  'open-port': OpenedPort
}

/** `code`: a system error code or one of ours, see `stream-error.ts`. */
export type CallAnswer = { result: unknown } | { error: { code: string; message: string } }

/** The agent's patience stays below a forward's, so that the reason reaches the laptop before it gives up. */
export const dialRetryMs = 9_000

export interface CommandState {
  /** `none`: nothing was started in this pod. */
  state: 'none' | 'running' | 'exited'
  pid?: number
  /** Wall clock of the pod, milliseconds since the epoch. */
  startedAtMs?: number
  /** What was started, and where it was asked to; absent where an older agent did. */
  argv?: string[]
  cwd?: string
  /** As a shell would give it. Unknown (absent) where the terminal's holder was killed. */
  exitCode?: number
}

/** Answer to `start-command`: a command that runs already is left alone. */
export interface StartedCommand extends CommandState {
  started: boolean
}

export type ProbeResult = { ok: true; elapsedMs: number } | { ok: false; error: string }

export interface AgentState {
  /** sha256 (hex) of the bundle that runs. */
  bundle: string
  pid: number
  uid: number
  startedAtMs: number
  /** Changes each time the agent process starts. */
  boot: string
  rssBytes: number
}

/**
 * A port on the pod's loopback, which every container of the pod can reach: so whoever connects shows `token` in the
 * first line, and hears `answer` in the first line that comes back. Then it is a connection like any other. The port is
 * open for {@link openPortMs}, and for one connection.
 */
export interface OpenedPort {
  port: number
  token: string
  answer: string
}

export const openPortMs = 15_000

/** Messages of a terminal or exec stream: the first byte is the type, the rest its payload. */
export const TerminalFrame = {
  /** laptop → pod: keys or stdin */
  stdin: 0,
  /** laptop → pod: u16 columns, u16 rows, big-endian */
  resize: 1,
  /** laptop → pod: end of stdin */
  stdinEnd: 2,
  /** laptop → pod: signal name (`SIGINT`, …) for the process group */
  signal: 3,
  /** pod → laptop */
  stdout: 16,
  stderr: 17,
  /** pod → laptop, last message: JSON {@link TerminalExit} */
  exit: 18,
} as const

/** `code` as a shell would give it (128 + signal number for a signal); `error` where it could not be run (127, 126). */
export interface TerminalExit {
  code: number
  signal?: string
  error?: string
}

/** What an error is about; decides the exit code (see `src/main.ts`) and is what callers match, never the text. */
export type ErrorCode =
  | 'usage' // wrong command line
  | 'manifest' // wrong manifest
  | 'held' // somebody else holds the workload
  | 'not-found' // no such workload, pod, dev, session
  | 'forbidden' // the cluster refuses: no right
  | 'unreachable' // the API server does not answer
  | 'unauthorized' // the API server does not know us
  | 'rejected' // the cluster refuses the object: quota, admission, invalid
  | 'conflict' // somebody changed the object meanwhile, repeatedly
  | 'port-in-use'
  | 'pod-failed' // the dev pod cannot start
  | 'timeout'
  | 'agent' // the in-pod agent cannot be delivered or does not answer
  | 'sync-halted' // sync stopped to protect files
  | 'state' // local state is unreadable
  | 'unsupported'
  | 'interrupted'

/** Where in a file a complaint points; line and column count from 1. */
export interface Position {
  file: string
  line: number
  column: number
}

/** An error for a person: what happened, where, and what to do. Anything else that is thrown is a bug of ours. */
export class UserError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly at: Position | undefined

  constructor(code: ErrorCode, message: string, more: { hint?: string; at?: Position; cause?: unknown } = {}) {
    super(message, { cause: more.cause })
    this.name = 'UserError'
    this.code = code
    this.hint = more.hint
    this.at = more.at
  }
}

/** The other end broke the protocol: the session ends with this reason and nothing is written. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ProtocolError'
  }
}

/** The `code` of a system error (`ENOENT`, …), if the value is one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** What `step` gives; `otherwise` where the system refuses it. */
export function unlessRefused<T, E>(otherwise: E, step: () => T): T | E {
  try {
    return step()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return otherwise
  }
}

/** States what must hold here; a violation is a bug of ours. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

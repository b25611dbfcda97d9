import type { ErrorCode } from '../../syncer/base/errors.ts'
import { UserError } from '../../syncer/base/errors.ts'

/*
 * What podswap processes on one laptop say to the one that holds a session: JSON, a line each, one request for each
 * connection. The holder answers with any number of `event` lines and one `result` or `error` line.
 */

export const CONTROL_VERSION = 1
/** A status with the longest lists that the sync session gives fits many times over. */
export const LINE_BYTES_MAX = 4 * 1024 * 1024
export const REQUEST_BYTES_MAX = 4 * 1024

export type ControlRequest =
  /** How it is, from probes made now. */
  | { method: 'status' }
  | { method: 'flush'; timeoutMs: number }
  /** What was written in the pod before is here, when the result comes. */
  | { method: 'fetch'; timeoutMs: number }
  /** Ends the session and leaves the cluster as it is. An event comes when it begins nothing any more, the result at its end. */
  | { method: 'stop' }
  /** As Ctrl-C: a start that is not through is undone. */
  | { method: 'interrupt' }
  /** Everything that happens, from the start of the session on; the result comes when it is ready. */
  | { method: 'follow' }

export type ControlReply =
  | { kind: 'event'; event: unknown }
  | { kind: 'result'; result: unknown }
  | { kind: 'error'; error: WireError }

/** An error as it goes over the socket. */
export interface WireError {
  code: ErrorCode
  message: string
  hint?: string
}

export function encodeRequest(token: string, request: ControlRequest): string {
  return `${JSON.stringify({ v: CONTROL_VERSION, token, ...request })}\n`
}

export function encodeReply(reply: ControlReply): string {
  return `${JSON.stringify({ v: CONTROL_VERSION, ...reply })}\n`
}

/** Throws `usage` for anything that is not a request of this version with the right token. */
export function decodeRequest(line: string, token: string): ControlRequest {
  const value = parseObject(line)
  if (value.token !== token) throw new UserError('forbidden', 'this request does not carry the session’s token')
  if (value.v !== CONTROL_VERSION) {
    throw new UserError('unsupported', 'the session was started by another version of podswap', {
      hint: 'end it with the version that started it, or stop that process',
    })
  }
  switch (value.method) {
    case 'flush':
    case 'fetch':
      if (typeof value.timeoutMs !== 'number' || !(value.timeoutMs > 0)) break
      return { method: value.method, timeoutMs: Math.min(value.timeoutMs, 2 ** 31 - 1) }
    case 'status':
    case 'stop':
    case 'interrupt':
    case 'follow':
      return { method: value.method }
  }
  throw new UserError('usage', 'unknown request')
}

/** Throws `state` for anything that is not a reply. */
export function decodeReply(line: string): ControlReply {
  const value = parseObject(line)
  switch (value.kind) {
    case 'event':
      return { kind: 'event', event: value.event }
    case 'result':
      return { kind: 'result', result: value.result }
    case 'error': {
      const error = value.error as Partial<WireError> | undefined
      if (typeof error?.code !== 'string' || typeof error.message !== 'string') break
      const hint = typeof error.hint === 'string' ? error.hint : undefined
      return { kind: 'error', error: { code: error.code, message: error.message, hint } }
    }
  }
  throw new UserError('state', 'the session answers in a way that this version does not know')
}

export function toWireError(error: unknown): WireError {
  if (error instanceof UserError) return { code: error.code, message: error.message, hint: error.hint }
  return { code: 'state', message: error instanceof Error ? error.message : String(error) }
}

export function fromWireError(error: WireError): UserError {
  return new UserError(error.code, error.message, { hint: error.hint })
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    throw new UserError('usage', 'not a line of JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null) throw new UserError('usage', 'not a JSON object')
  return value as Record<string, unknown>
}

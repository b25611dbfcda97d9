import { connect, type Socket } from 'node:net'
import type { Clock, Timers } from '../../base/clock.ts'
import { errnoOf } from '../../base/errors.ts'
import { StreamError } from '../../wire/stream-error.ts'

export interface DialOptions {
  host: string
  port: number
  /** For all attempts together. */
  timeoutMs: number
  /** Tries again what may be there in a moment; without it the first failure counts. */
  isPatient: boolean
  signal: AbortSignal
  clock: Clock
  timers: Timers
}

/** What a program that restarts, or a Service whose pod is being replaced, looks like for a while. */
const passing = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
const retryIntervalMs = 100
/** For each of a name's addresses but the last; Node's own 250 ms are too short for a far one. */
const addressTimeoutMs = 2_000

/** Connects, or throws a {@link StreamError} with the last attempt's system error code. */
export async function dial(options: DialOptions): Promise<Socket> {
  const { host, port, clock, timers, signal } = options
  const endMs = clock.monotonic() + options.timeoutMs
  for (;;) {
    const remainingMs = endMs - clock.monotonic()
    try {
      return await dialOnce(host, port, AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, remainingMs))]))
    } catch (error) {
      signal.throwIfAborted()
      const code = errnoOf(error) ?? 'ECONNABORTED'
      const isLast = clock.monotonic() + retryIntervalMs >= endMs
      if (!options.isPatient || !passing.has(code) || isLast) throw dialError(host, port, code)
    }
    await new Promise<void>(resolve => timers.after(retryIntervalMs, resolve))
    signal.throwIfAborted()
  }
}

/** `localhost` by both of its addresses, whatever the container's hosts file says. */
async function dialOnce(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  if (host !== 'localhost') return dialAddress(host, port, signal)
  try {
    return await dialAddress('127.0.0.1', port, signal)
  } catch (error) {
    signal.throwIfAborted()
    return dialAddress('::1', port, signal).catch(() => Promise.reject(error))
  }
}

function dialAddress(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, autoSelectFamilyAttemptTimeout: addressTimeoutMs })
    const abort = () => socket.destroy(new StreamError('ETIMEDOUT', 'no answer'))
    signal.addEventListener('abort', abort, { once: true })
    socket.once('error', reject)
    socket.once('close', () => signal.removeEventListener('abort', abort))
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort)
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

function dialError(host: string, port: number, code: string): StreamError {
  const text = reasons[code] ?? code
  return new StreamError(code, `${host}:${port}: ${text}`)
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name does not resolve in the pod',
  EAI_AGAIN: "the pod's name server does not answer",
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no way to that host',
  ENETUNREACH: 'no way to that network',
}

import { connect, type NetConnectOpts, type Socket } from 'node:net'
import type { Clock, Timers } from '../../base/clock.ts'
import { errnoOf } from '../../base/errors.ts'
import { pause } from '../../base/pause.ts'
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
/** With less a stream at full speed stops after every piece. */
const highWaterMark = 128 * 1024
/** For each of a name's addresses but the last; Node's own 250 ms are too short for a far one. */
const addressTimeoutMs = 2_000

/** Connects, or throws a {@link StreamError} with the last attempt's system error code; the signal's reason if it fires. */
export async function dial(options: DialOptions): Promise<Socket> {
  const { clock, timers, signal } = options
  const endMs = clock.monotonic() + options.timeoutMs
  for (;;) {
    signal.throwIfAborted()
    try {
      return await dialOnce(options, endMs)
    } catch (error) {
      signal.throwIfAborted()
      const code = errnoOf(error) ?? 'ECONNABORTED'
      const isLast = clock.monotonic() + retryIntervalMs >= endMs
      if (!options.isPatient || !passing.has(code) || isLast) throw dialError(options, code)
    }
    await pause(timers, retryIntervalMs, signal)
  }
}

/** `localhost` by both of its addresses, whatever the container's hosts file says. */
async function dialOnce(options: DialOptions, endMs: number): Promise<Socket> {
  if (options.host !== 'localhost') return dialAddress(options, options.host, endMs)
  try {
    return await dialAddress(options, '127.0.0.1', endMs)
  } catch (error) {
    options.signal.throwIfAborted()
    return dialAddress(options, '::1', endMs).catch(() => Promise.reject(error))
  }
}

function dialAddress({ port, signal, clock, timers }: DialOptions, host: string, endMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      allowHalfOpen: true,
      autoSelectFamilyAttemptTimeout: addressTimeoutMs,
      highWaterMark,
    } as NetConnectOpts)
    const giveUp = () => socket.destroy(new StreamError('ETIMEDOUT', 'no answer'))
    const cancel = timers.after(Math.max(0, endMs - clock.monotonic()), giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    const settle = () => {
      cancel()
      signal.removeEventListener('abort', giveUp)
    }
    socket.once('error', reject)
    socket.once('close', settle)
    socket.once('connect', () => {
      settle()
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

function dialError({ host, port }: DialOptions, code: string): StreamError {
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

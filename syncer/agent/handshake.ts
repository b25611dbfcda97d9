import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Timers } from '../base/clock.ts'
import { ProtocolError } from '../base/errors.ts'

/** First line of a connection to the agent's socket, as JSON. */
export interface Greeting {
  token: string
  /** Of the attaching process, whose pipes the agent shall take. */
  pid?: number
  /** That process waits by itself until the agent lets it go: see {@link openHoldOn}; the attaching script need not stay. */
  held?: boolean
  /** The agent shall make room for another version. */
  retire?: boolean
  /** Of the laptop, for the log. */
  hello?: unknown
}

const lineBytesMax = 64 * 1024
const greetingTimeoutMs = 5_000

/**
 * Reads the first line; the socket is paused after it. Throws {@link ProtocolError} for anything that is no greeting,
 * comes too late, or has more behind it (nobody speaks before he was answered).
 */
export async function readGreeting(socket: Socket, timers: Timers): Promise<Greeting> {
  const line = await readFirstLine(socket, timers)
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new ProtocolError('a greeting that is no JSON')
  }
  if (typeof value !== 'object' || value === null) throw new ProtocolError('a greeting that is no object')
  const { token, pid, held, retire, hello } = value as Partial<Record<keyof Greeting, unknown>>
  if (typeof token !== 'string') throw new ProtocolError('a greeting without a token')
  if (retire === true) return { token, retire }
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) throw new ProtocolError('a greeting without a pid')
  return { token, pid, held: held === true, hello }
}

/** Compares in a time that tells nothing of where they differ. */
export function isSameToken(given: string, expected: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given), hash(expected))
}

/** The first line, without its end; fails like {@link readGreeting}. The socket is paused after it. */
export function readFirstLine(socket: Socket, timers: Timers): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const settle = (how: () => void) => {
      cancel()
      socket.off('data', take).off('close', gone).pause()
      how()
    }
    const fail = (text: string) => settle(() => reject(new ProtocolError(text)))
    const gone = () => fail('gone before it said who it is')
    const cancel = timers.after(greetingTimeoutMs, () => fail('it does not say who it is'))
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      const held = Buffer.concat(chunks)
      const end = held.indexOf('\n')
      if (end < 0 && held.length > lineBytesMax) return fail('a greeting without an end')
      if (end < 0) return
      if (end < held.length - 1) return fail('it speaks before it was answered')
      settle(() => resolve(held.toString('utf8', 0, end)))
    }
    socket.on('data', take).on('close', gone)
  })
}

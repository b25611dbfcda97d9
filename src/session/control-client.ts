import { connect } from 'node:net'
import { UserError } from '../../syncer/base/errors.ts'
import { type ControlRequest, decodeReply, encodeRequest, fromWireError, LINE_BYTES_MAX } from './control-protocol.ts'
import { LineReader } from './line-reader.ts'

const CONNECT_TIMEOUT_MS = 2_000

/**
 * Asks the process that holds a session. Resolves with its result, throws its error; throws `not-found` where nobody
 * listens, and `interrupted` where it goes away before it has answered.
 */
export function askHolder(
  holder: { socket: string; token: string },
  request: ControlRequest,
  options: { signal: AbortSignal; onEvent?: (event: unknown) => void },
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (options.signal.aborted) return reject(new UserError('interrupted', 'interrupted'))
    const socket = connect(holder.socket)
    const reader = new LineReader(LINE_BYTES_MAX)
    let connected = false
    const late = setTimeout(() => settle(() => reject(noAnswer())), CONNECT_TIMEOUT_MS)
    const abort = () => settle(() => reject(new UserError('interrupted', 'interrupted')))
    const settle = (how: () => void) => {
      clearTimeout(late)
      options.signal.removeEventListener('abort', abort)
      socket.destroy()
      how()
    }
    options.signal.addEventListener('abort', abort)
    socket.on('connect', () => {
      connected = true
      clearTimeout(late)
      socket.write(encodeRequest(holder.token, request))
    })
    socket.on('data', chunk => {
      const lines = reader.push(chunk)
      if (lines === null)
        return settle(() => reject(new UserError('state', 'the session answers with too long a line')))
      try {
        for (const line of lines) {
          const reply = decodeReply(line)
          if (reply.kind === 'event') options.onEvent?.(reply.event)
          if (reply.kind === 'result') return settle(() => resolve(reply.result))
          if (reply.kind === 'error') return settle(() => reject(fromWireError(reply.error)))
        }
      } catch (error) {
        settle(() => reject(error))
      }
    })
    socket.on('error', cause => settle(() => reject(connected ? wentAway(cause) : noAnswer(cause))))
    socket.on('close', () => settle(() => reject(connected ? wentAway() : noAnswer())))
  })
}

function noAnswer(cause?: unknown): UserError {
  return new UserError('not-found', 'no process answers for this session', { cause })
}

function wentAway(cause?: unknown): UserError {
  return new UserError('interrupted', 'the process that holds the session went away', { cause })
}

import type { MuxStream } from '../../wire/mux-stream.ts'
import { dialRetryMs, type ProbeResult, type TcpRequest } from '../../wire/services.ts'
import { splice } from '../../wire/splice.ts'
import { StreamError } from '../../wire/stream-error.ts'
import type { AgentContext } from '../agent-context.ts'
import { dial } from './dial.ts'

const keepAliveMs = 30_000

/** Dials for a forward, and carries its bytes until both ends have said their last. */
export async function serveTcp(context: AgentContext, request: TcpRequest, stream: MuxStream): Promise<void> {
  const gone = new AbortController()
  stream.once('close', () => gone.abort())
  try {
    const { host, port } = request
    const { clock, timers } = context
    const socket = await dial({
      host,
      port,
      timeoutMs: dialRetryMs,
      isPatient: true,
      signal: gone.signal,
      clock,
      timers,
    })
    if (stream.destroyed) {
      socket.destroy()
      return
    }
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveMs)
    stream.accept()
    splice(stream, socket, setImmediate)
  } catch (error) {
    if (gone.signal.aborted) return
    if (!(error instanceof StreamError)) throw error
    stream.destroy(error)
  }
}

/** One attempt, for a status that does not lie. */
export async function probeTcp(
  context: AgentContext,
  target: { host: string; port: number; timeoutMs: number },
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { clock, timers } = context
  const startMs = clock.monotonic()
  try {
    const socket = await dial({ ...target, isPatient: false, signal, clock, timers })
    socket.destroy()
    return { ok: true, elapsedMs: clock.monotonic() - startMs }
  } catch (error) {
    if (error instanceof StreamError) return { ok: false, error: error.code }
    throw error
  }
}

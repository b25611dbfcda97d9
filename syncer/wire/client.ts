import type { Duplex } from 'node:stream'
import { limits } from '../base/limits.ts'
import { Priority } from './frame-payload.ts'
import type { Mux } from './mux.ts'
import type { MuxStream } from './mux-stream.ts'
import { RemoteProcess } from './remote-process.ts'
import type {
  AgentCall,
  CallAnswer,
  CallResults,
  ExecRequest,
  OpenRequest,
  PlacedSecret,
  SecretRequest,
  TerminalRequest,
} from './services.ts'
import { StreamError } from './stream-error.ts'

/**
 * What the laptop asks of the agent over one connection. Everything fails with a {@link StreamError}: its `code` is
 * `connection-lost` where the connection went, `cancelled` where the signal fired, else what the agent said.
 */
export class AgentClient {
  private readonly mux: Mux

  constructor(mux: Mux) {
    this.mux = mux
  }

  async call<C extends AgentCall>(call: C, signal: AbortSignal): Promise<CallResults[C['method']]> {
    const stream = this.open({ kind: 'call', call }, Priority.control, signal)
    stream.end()
    const answer = parseAnswer(await readAnswer(stream))
    if ('error' in answer) throw new StreamError(answer.error.code, answer.error.message)
    // the agent is of this very version: its bundle is checked by sha256 before it runs
    return answer.result as CallResults[C['method']]
  }

  /** Connects to a port as seen from inside the pod; resolves when the connection stands. */
  async dialTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    if (signal.aborted) throw new StreamError('cancelled', 'interrupted')
    const stream = this.mux.open({ kind: 'tcp', host, port }, { priority: Priority.interactive })
    const abort = () => stream.destroy()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await stream.opened()
    } finally {
      // from here on the connection is the caller's
      signal.removeEventListener('abort', abort)
    }
  }

  /** Has a port of the pod lead here; resolves when it is open, with a stream that ends when it is not any more. */
  async listen(port: number, signal: AbortSignal): Promise<MuxStream> {
    const stream = this.open({ kind: 'listen', port }, Priority.control, signal)
    return await stream.opened()
  }

  /** Runs a command; the signal ends it. What could not be started is in `exit` (127, 126). */
  exec(request: Omit<ExecRequest, 'kind'>, signal?: AbortSignal): RemoteProcess {
    return new RemoteProcess(this.open({ kind: 'exec', ...request }, Priority.interactive, signal))
  }

  /** The dev command's terminal; rejects in `exit` with `no-command` where nothing was started yet. */
  terminal(request: Omit<TerminalRequest, 'kind'>, signal?: AbortSignal): RemoteProcess {
    return new RemoteProcess(this.open({ kind: 'terminal', ...request }, Priority.interactive, signal))
  }

  /** Puts a secret file into the container. A path that cannot be written fails with the system's error code. */
  async putSecret(request: Omit<SecretRequest, 'kind'>, content: Buffer, signal: AbortSignal): Promise<PlacedSecret> {
    const stream = this.open({ kind: 'secret', ...request }, Priority.control, signal)
    stream.end(content)
    const answer = parseAnswer(await readAnswer(stream))
    if ('error' in answer) throw new StreamError(answer.error.code, answer.error.message)
    return answer.result as PlacedSecret
  }

  private open(request: OpenRequest, priority: Priority, signal: AbortSignal | undefined): MuxStream {
    if (signal?.aborted) throw new StreamError('cancelled', 'interrupted')
    const stream = this.mux.open(request, { priority })
    const abort = () => stream.destroy()
    signal?.addEventListener('abort', abort, { once: true })
    stream.once('close', () => signal?.removeEventListener('abort', abort))
    return stream
  }
}

function parseAnswer(bytes: Buffer): CallAnswer {
  try {
    return JSON.parse(bytes.toString())
  } catch (error) {
    throw new StreamError(
      'no-answer',
      `the agent answered with no JSON: ${error instanceof Error ? error.message : error}`,
    )
  }
}

function readAnswer(stream: MuxStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let total = 0
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      total += chunk.length
      if (total > limits.callAnswerBytesMax) stream.reset('too-long', 'the answer is too long')
    })
    stream.once('end', () => resolve(Buffer.concat(chunks)))
    stream.once('close', () => reject(stream.errored ?? new StreamError('cancelled', 'interrupted')))
  })
}

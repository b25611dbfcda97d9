import { Readable, Writable } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ContainerRun } from '../pod-runtime.ts'

/** First byte of each message, both ways. */
const Channel = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4, close: 255 } as const

export interface ExecOrder {
  container: string
  command: string[]
  stdin: boolean
  stdout: boolean
  stderr: boolean
}

/** As the real one copies: larger output goes in several messages. */
const messageBytesMax = 32 * 1024
const stdinBufferBytes = 256 * 1024

/**
 * The server's end of `v5.channel.k8s.io` and `v4`: stdin, stdout and stderr with back-pressure, then how the command
 * ended. Resolves when the connection is over.
 */
export async function serveExec(socket: WebSocket, run: ContainerRun | undefined, order: ExecOrder): Promise<void> {
  const gone = new AbortController()
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
  socket.once('close', () => gone.abort(new Error('the connection is gone')))
  socket.on('error', () => socket.terminate())
  const stdin = order.stdin ? receiveStdin(socket) : null
  if (!stdin) socket.on('message', () => {})
  const status = await outcome(socket, run, order, stdin, gone.signal)
  if (socket.readyState === socket.OPEN) {
    socket.send(Buffer.concat([Buffer.of(Channel.status), Buffer.from(JSON.stringify(status))]))
    // it goes on being read, or the closing handshake would wait behind what nobody takes
    socket.resume()
    socket.close(1000)
  }
  await closed
  stdin?.destroy()
}

async function outcome(
  socket: WebSocket,
  run: ContainerRun | undefined,
  order: ExecOrder,
  stdin: Readable | null,
  signal: AbortSignal,
): Promise<object> {
  if (!order.stdin && !order.stdout && !order.stderr) {
    return internalError('unable to upgrade connection: you must specify at least 1 of stdin, stdout, stderr')
  }
  if (!run)
    return internalError(`unable to upgrade connection: container not found (${JSON.stringify(order.container)})`)
  // as the real one: the first message says that the connection stands
  socket.send(Buffer.of(Channel.stdout))
  try {
    const stdout = sink(socket, order.stdout ? Channel.stdout : undefined)
    const stderr = sink(socket, order.stderr ? Channel.stderr : undefined)
    const running = await run.exec({ command: order.command, stdin, stdout, stderr, signal })
    return ended((await running.exited).exitCode)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return internalError(`error executing command in container: ${why}`)
  }
}

/** What the client sends for stdin; `[255, 0]` ends it. The socket stands still while nobody reads. */
function receiveStdin(socket: WebSocket): Readable {
  const stdin = new Readable({ highWaterMark: stdinBufferBytes, read: () => socket.resume() })
  let isOver = false
  const end = () => {
    if (!isOver) stdin.push(null)
    isOver = true
  }
  socket.on('message', (data: Buffer) => {
    const [channel, ...rest] = data.subarray(0, 2)
    if (channel === Channel.close && rest[0] === Channel.stdin) end()
    // an empty message is how v4 clients say that the stream is there
    else if (channel === Channel.stdin && data.length > 1 && !isOver && !stdin.push(data.subarray(1))) socket.pause()
  })
  socket.once('close', end)
  // the command reads no more: the rest is dropped, so that the connection's end can still be seen
  stdin.once('close', () => {
    isOver = true
    socket.resume()
  })
  stdin.on('error', () => {})
  return stdin
}

/** Output to one channel; a write is done when the operating system has it. Without a channel it is dropped. */
function sink(socket: WebSocket, channel: number | undefined): Writable {
  return new Writable({
    highWaterMark: messageBytesMax,
    write(chunk: Buffer, _encoding, done) {
      if (channel === undefined) return done()
      const next = (offset: number): void => {
        // nobody is there to read: it is dropped, and the command goes on
        if (offset >= chunk.length || socket.readyState !== socket.OPEN) {
          done()
          return
        }
        const part = chunk.subarray(offset, offset + messageBytesMax)
        socket.send(Buffer.concat([Buffer.of(channel), part]), () => next(offset + part.length))
      }
      next(0)
    },
  })
}

function ended(exitCode: number): object {
  if (exitCode === 0) return { metadata: {}, status: 'Success' }
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  }
}

function internalError(message: string): object {
  return {
    metadata: {},
    status: 'Failure',
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
    code: 500,
  }
}

import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** Two pipes as one stream: what is read comes from `input`, what is written goes to `output`. */
export class JoinedPipes extends Duplex {
  private readonly input: Socket
  private readonly output: Socket

  constructor(input: Socket, output: Socket) {
    super({ highWaterMark: 64 * 1024, allowHalfOpen: true })
    this.input = input
    this.output = output
    input.on('data', chunk => {
      if (!this.push(chunk)) input.pause()
    })
    input.on('end', () => this.push(null))
    input.on('error', error => this.destroy(error))
    output.on('error', error => this.destroy(error))
  }

  override _read(): void {
    this.input.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.output.write(chunk, callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.output.cork()
    for (const [index, { chunk }] of chunks.entries()) {
      this.output.write(chunk, index === chunks.length - 1 ? callback : undefined)
    }
    this.output.uncork()
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.output.end(() => callback())
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.input.destroy()
    this.output.destroy()
    callback(error)
  }
}

/**
 * The stdin and stdout of another process, opened once more by this one, so that the bytes need not pass through it.
 * Undefined where they are no pipes, or where this user may not (another uid, a security module): the other process
 * must relay then. Seen to work as uid 1000 with all capabilities dropped.
 */
export function openPipesOf(pid: number): JoinedPipes | undefined {
  return openPipes(pid, 0, 1)
}

/**
 * A hold on an `init exec` that stays after the attaching script (`native/init.c`): it ends when this is destroyed, and this
 * ends when it does.
 */
export function openHoldOn(pid: number): JoinedPipes | undefined {
  return openPipes(pid, 5, 4)
}

function openPipes(pid: number, from: number, to: number): JoinedPipes | undefined {
  const input = openPipe(`/proc/${pid}/fd/${from}`, constants.O_RDONLY)
  if (input === undefined) return undefined
  const output = openPipe(`/proc/${pid}/fd/${to}`, constants.O_WRONLY)
  if (output === undefined) {
    closeSync(input)
    return undefined
  }
  return new JoinedPipes(
    new Socket({ fd: input, readable: true, writable: false }),
    new Socket({ fd: output, readable: false, writable: true }),
  )
}

function openPipe(path: string, access: number): number | undefined {
  try {
    // without O_NONBLOCK it would wait for ever for an other end that is gone
    const descriptor = openSync(path, access | constants.O_NONBLOCK)
    if (fstatSync(descriptor).isFIFO()) return descriptor
    closeSync(descriptor)
  } catch {
    // ENXIO: a socket; EACCES: not ours; ENOENT: gone
  }
  return undefined
}

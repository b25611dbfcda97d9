import { readSync, writeSync } from 'node:fs'
import { errnoOf } from '../base/errors.ts'

// Synchronous and exact: a byte read beyond what is ours would be missing in the agent's stream.

/** One line from stdin, without its end. */
export function readLine(bytesMax: number): string {
  const line = Buffer.alloc(bytesMax)
  for (let length = 0; length < bytesMax; length++) {
    readSome(line, length, 1)
    if (line[length] === 0x0a) return line.toString('utf8', 0, length)
  }
  throw new Error(`the header is longer than ${bytesMax} bytes`)
}

export function readExactly(size: number): Buffer {
  const content = Buffer.alloc(size)
  for (let length = 0; length < size; ) length += readSome(content, length, size - length)
  return content
}

export function writeLine(line: string): void {
  const bytes = Buffer.from(`${line}\n`)
  for (let done = 0; done < bytes.length; ) done += retried(() => writeSync(1, bytes, done))
}

function readSome(into: Buffer, at: number, size: number): number {
  const read = retried(() => readSync(0, into, at, size, null))
  if (read === 0) throw new Error('the laptop ended the attachment')
  return read
}

/** A runtime may give us a pipe that does not block. */
function retried(attempt: () => number): number {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
    }
  }
}

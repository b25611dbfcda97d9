import { createHash, randomFillSync } from 'node:crypto'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

const partBytes = 4 * 1024 * 1024

/** Writes a file of bytes that cannot be packed, never the same twice. */
export function writeLargeFile(file: string, sizeBytes: number): void {
  const part = Buffer.alloc(Math.min(partBytes, sizeBytes))
  const descriptor = openSync(file, 'w')
  try {
    for (let left = sizeBytes; left > 0; ) {
      left -= writeSync(descriptor, randomFillSync(part), 0, Math.min(part.length, left))
    }
  } finally {
    closeSync(descriptor)
  }
}

/** Writes `head` and then all of another file. */
export function writeWithHead(file: string, head: Buffer, rest: string): void {
  const descriptor = openSync(file, 'w')
  try {
    writeSync(descriptor, head)
    forEachPart(rest, part => writeSync(descriptor, part))
  } finally {
    closeSync(descriptor)
  }
}

/** Changes one byte in the middle, in place. */
export function changeOneByte(file: string, offset: number): void {
  const descriptor = openSync(file, 'r+')
  try {
    const byte = Buffer.alloc(1)
    readSync(descriptor, byte, 0, 1, offset)
    byte[0] = byte[0]! ^ 0xff
    writeSync(descriptor, byte, 0, 1, offset)
  } finally {
    closeSync(descriptor)
  }
}

/** @returns seconds that reading and hashing it once take */
export function hashSeconds(file: string): number {
  const hash = createHash('sha256')
  const started = performance.now()
  forEachPart(file, part => hash.update(part))
  hash.digest()
  return (performance.now() - started) / 1000
}

function forEachPart(file: string, take: (part: Buffer) => unknown): void {
  const part = Buffer.alloc(partBytes)
  const descriptor = openSync(file, 'r')
  try {
    for (let count = readSync(descriptor, part); count > 0; count = readSync(descriptor, part)) {
      take(part.subarray(0, count))
    }
  } finally {
    closeSync(descriptor)
  }
}

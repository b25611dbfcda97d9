import type { Duplex } from 'node:stream'
import { createInflate, type Inflate } from 'node:zlib'

/*
 * SPDY/3.1 as a server, as far as our adapter's port-forward speaks it; the frames are drawn in
 * `src/cluster/spdy-frame.ts`.
 */

export type SpdyFrame =
  | { type: 'open'; stream: number; headers: Record<string, string> }
  | { type: 'data'; stream: number; piece: Buffer; isLast: boolean }
  | { type: 'reset'; stream: number }
  | { type: 'ping'; number: Buffer }

const FrameType = { synStream: 1, reset: 3, ping: 6 } as const
const version = 0x8003
const flagFin = 1
const headerBytes = 8
const controlBytesMax = 64 * 1024

/**
 * What the client sends, frame by frame; data in the pieces that it arrives in. While nobody asks for the next one,
 * nothing is read. Throws for what is not SPDY/3.1, and for header blocks with SPDY's own dictionary.
 */
export async function* readSpdyFrames(socket: Duplex, head: Buffer): AsyncGenerator<SpdyFrame> {
  const input = new ByteReader(socket, head)
  const inflate = createInflate()
  try {
    for (;;) {
      const header = await input.exactly(headerBytes)
      if (!header) return
      const length = header.readUIntBE(5, 3)
      const isLast = (header[4]! & flagFin) !== 0
      if ((header[0]! & 0x80) === 0) yield* dataFrames(input, header.readUInt32BE(0), length, isLast)
      else {
        if (header.readUInt16BE(0) !== version) throw new Error('a frame that is not SPDY/3.1')
        if (length > controlBytesMax) throw new Error('a control frame that is too long')
        const frame = await controlFrame(header.readUInt16BE(2), await input.need(length), inflate)
        if (frame) yield frame
      }
    }
  } finally {
    inflate.destroy()
  }
}

async function* dataFrames(
  input: ByteReader,
  stream: number,
  length: number,
  isLast: boolean,
): AsyncGenerator<SpdyFrame> {
  let left = length
  while (left > 0) {
    const piece = await input.some(left)
    left -= piece.length
    yield { type: 'data', stream, piece, isLast: isLast && left === 0 }
  }
  if (length === 0) yield { type: 'data', stream, piece: Buffer.alloc(0), isLast }
}

async function controlFrame(type: number, payload: Buffer, inflate: Inflate): Promise<SpdyFrame | undefined> {
  const stream = () => payload.readUInt32BE(0) & 0x7fffffff
  if (type === FrameType.synStream) {
    return { type: 'open', stream: stream(), headers: readHeaders(await inflated(inflate, payload.subarray(10))) }
  }
  if (type === FrameType.reset) return { type: 'reset', stream: stream() }
  return type === FrameType.ping ? { type: 'ping', number: payload } : undefined
}

/** The blocks of one connection are one zlib stream. */
function inflated(inflate: Inflate, block: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflate.once('error', reject)
    inflate.write(block, () => {
      inflate.removeListener('error', reject)
      const bytes: Buffer = inflate.read() ?? Buffer.alloc(0)
      if (bytes.length > controlBytesMax) reject(new Error('a header block that is too long'))
      else resolve(bytes)
    })
  })
}

/** u32 count, then for each header: u32 length, name, u32 length, value */
function readHeaders(block: Buffer): Record<string, string> {
  const headers: Record<string, string> = {}
  let at = 4
  const text = () => {
    const length = block.readUInt32BE(at)
    at += 4 + length
    return block.toString('utf8', at - length, at)
  }
  for (let count = block.readUInt32BE(0); count > 0; count -= 1) headers[text()] = text()
  return headers
}

export function spdyDataFrame(stream: number, payload: Buffer, isLast = false): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(stream, 0)
  header.writeUInt32BE(payload.length, 4)
  header[4] = isLast ? flagFin : 0
  return Buffer.concat([header, payload])
}

export function spdyPingFrame(number: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(version, 0)
  header.writeUInt16BE(FrameType.ping, 2)
  header.writeUInt32BE(number.length, 4)
  return Buffer.concat([header, number])
}

/** Takes bytes from a stream as they are asked for. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer

  constructor(socket: Duplex, head: Buffer) {
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    this.#rest = head
  }

  /** undefined where the stream ended before the first byte. */
  async exactly(length: number): Promise<Buffer | undefined> {
    while (this.#rest.length < length) {
      const next = await this.#chunks.next()
      if (next.done && this.#rest.length === 0) return undefined
      if (next.done) throw new Error('a frame that is cut short')
      this.#rest = Buffer.concat([this.#rest, next.value])
    }
    return this.#take(length)
  }

  async need(length: number): Promise<Buffer> {
    const bytes = await this.exactly(length)
    if (!bytes) throw new Error('a frame that is cut short')
    return bytes
  }

  /** At least one byte, at most so many. */
  async some(bytesMax: number): Promise<Buffer> {
    if (this.#rest.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) throw new Error('a frame that is cut short')
      this.#rest = next.value
    }
    return this.#take(Math.min(bytesMax, this.#rest.length))
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }
}

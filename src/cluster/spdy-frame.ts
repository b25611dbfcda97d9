import { ProtocolError } from '../../syncer/base/errors.ts'

/*
 * SPDY/3.1, as far as Kubernetes' port-forward speaks it (SPDY protocol, draft 3.1; moby/spdystream is its only server).
 * All numbers are big-endian:
 *
 *   data:     u32 stream (highest bit 0) · u8 flags · u24 length · payload
 *   control:  u16 0x8003 · u16 type · u8 flags · u24 length · payload
 *
 * That server has no flow control of its own: back-pressure is the TCP connection's.
 */

const FrameType = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const
const flagFin = 1
export const frameHeaderBytes = 8
/** Of a control frame; ours and the server's are far shorter. */
const controlBytesMax = 64 * 1024
const version = 0x8003

export function dataHeader(stream: number, payloadBytes: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt32BE(stream, 0)
  header.writeUInt32BE(payloadBytes, 4)
  return header
}

/** The end of what we send on the stream. */
export function finFrame(stream: number): Buffer {
  const frame = dataHeader(stream, 0)
  frame[4] = flagFin
  return frame
}

/** Answers a ping, by its number. */
export function pingFrame(number: Buffer): Buffer {
  return controlFrame(FrameType.ping, number)
}

/**
 * The frames that open streams, each with its headers (names in lower case). Header blocks of one connection are one
 * zlib stream: here one that compresses nothing, so it needs neither state nor SPDY's dictionary.
 */
export function synStreamFrames(streams: { id: number; headers: Record<string, string> }[]): Buffer[] {
  return streams.map(({ id, headers }, index) => {
    const ids = Buffer.alloc(10)
    ids.writeUInt32BE(id, 0)
    const zlibHeader = index === 0 ? Buffer.of(0x78, 0x01) : Buffer.alloc(0)
    const block = [zlibHeader, storedBlock(headerBlock(headers)), storedBlock(Buffer.alloc(0))]
    return controlFrame(FrameType.synStream, Buffer.concat([ids, ...block]))
  })
}

function controlFrame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt16BE(version, 0)
  header.writeUInt16BE(type, 2)
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

/** u32 count, then for each header: u32 length, name, u32 length, value */
function headerBlock(headers: Record<string, string>): Buffer {
  const entries = Object.entries(headers)
  return Buffer.concat([
    u32(entries.length),
    ...entries.flat().flatMap(text => [u32(Buffer.byteLength(text)), Buffer.from(text)]),
  ])
}

/** RFC 1951, 3.2.4: a block without compression that is not the last. An empty one is a flush: readers wait for it. */
function storedBlock(bytes: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt16LE(bytes.length, 1)
  header.writeUInt16LE(~bytes.length & 0xffff, 3)
  return Buffer.concat([header, bytes])
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export interface SpdyEvents {
  /** A piece of a stream's data, as it arrived. */
  data(stream: number, piece: Buffer): void
  /** The other end sends no more on the stream. */
  fin(stream: number): void
  /** The other end gave the stream up; `status` is one of SPDY's. */
  reset(stream: number, status: number): void
  ping(number: Buffer): void
}

/** Cuts what arrives into frames. Data passes through in the pieces it came in; nothing grows with a frame's length. */
export class SpdyDecoder {
  readonly #on: SpdyEvents
  readonly #header = Buffer.alloc(frameHeaderBytes)
  #headerBytes = 0
  #missingBytes = 0
  #control: Buffer[] = []

  constructor(on: SpdyEvents) {
    this.#on = on
  }

  /** Throws {@link ProtocolError}; after that it must not be used. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#headerBytes < frameHeaderBytes) {
        const taken = Math.min(frameHeaderBytes - this.#headerBytes, chunk.length - at)
        chunk.copy(this.#header, this.#headerBytes, at, at + taken)
        this.#headerBytes += taken
        at += taken
        if (this.#headerBytes < frameHeaderBytes) return
        this.#begin()
      }
      const piece = chunk.subarray(at, at + this.#missingBytes)
      at += piece.length
      this.#missingBytes -= piece.length
      if (piece.length > 0) this.#take(piece)
      if (this.#missingBytes === 0) this.#end()
    }
  }

  get #isControl(): boolean {
    return (this.#header[0]! & 0x80) !== 0
  }

  #begin(): void {
    this.#missingBytes = this.#header.readUIntBE(5, 3)
    if (!this.#isControl) return
    if (this.#header.readUInt16BE(0) !== version) throw new ProtocolError('a frame that is not SPDY/3.1')
    if (this.#missingBytes > controlBytesMax) throw new ProtocolError('a SPDY control frame that is too long')
  }

  #take(piece: Buffer): void {
    if (this.#isControl) this.#control.push(piece)
    else this.#on.data(this.#header.readUInt32BE(0), piece)
  }

  #end(): void {
    this.#headerBytes = 0
    const hasFin = (this.#header[4]! & flagFin) !== 0
    if (!this.#isControl) {
      if (hasFin) this.#on.fin(this.#header.readUInt32BE(0))
      return
    }
    const type = this.#header.readUInt16BE(2)
    const payload = Buffer.concat(this.#control)
    this.#control = []
    if (type === FrameType.synReply && hasFin) this.#on.fin(asStream(payload, 4))
    else if (type === FrameType.reset) this.#on.reset(asStream(payload, 8), payload.readUInt32BE(4))
    else if (type === FrameType.ping) this.#on.ping(payload)
  }
}

function asStream(payload: Buffer, bytesMin: number): number {
  if (payload.length < bytesMin) throw new ProtocolError('a SPDY frame that is cut short')
  return payload.readUInt32BE(0) & 0x7fffffff
}

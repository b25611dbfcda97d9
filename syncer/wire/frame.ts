import { crc32 } from 'node:zlib'
import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'

/*
 * A frame, all numbers big-endian:
 *
 *   u32 payload length · u8 type · u32 stream · u32 sequence · u32 crc32 · payload
 *
 * The sequence counts the frames of one direction from 0 (modulo 2^32). The crc32 (zlib's) covers the 13 bytes before
 * it and the payload. Stream 0 is the connection itself.
 */

export const FrameType = {
  /** `encodeOpen` in frame-payload.ts */
  open: 1,
  /** u32: credit beyond `limits.streamWindowBytes` that the opener has from now on. */
  accept: 2,
  data: 3,
  /** u32: more credit, in bytes of frames (header included) */
  window: 4,
  /** No more data in this direction. */
  fin: 5,
  /** JSON `StreamEnd`; whoever gets one for a stream that it has not reset itself answers with one. */
  rst: 6,
  /** u32: number of the ping */
  ping: 7,
  pong: 8,
  /** UTF-8 text: why the connection ends */
  goodbye: 9,
} as const
export type FrameType = (typeof FrameType)[keyof typeof FrameType]

export const frameHeaderBytes = 17
const crcOffset = 13

/** Payload lengths that a frame of each type may have: [least, most]. */
const payloadBytes: Record<FrameType, readonly [number, number]> = {
  [FrameType.open]: [6, limits.openPayloadBytesMax],
  [FrameType.accept]: [4, 4],
  [FrameType.data]: [1, limits.framePayloadBytesMax],
  [FrameType.window]: [4, 4],
  [FrameType.fin]: [0, 0],
  [FrameType.rst]: [2, limits.reasonBytesMax],
  [FrameType.ping]: [4, 4],
  [FrameType.pong]: [4, 4],
  [FrameType.goodbye]: [0, limits.reasonBytesMax],
}

/** What a frame brings; the payload may lie in several pieces, just as it arrived. */
export interface Frame {
  type: FrameType
  stream: number
  payload: Buffer[]
  payloadBytes: number
}

/** Writes the header of a frame at `offset` of `target`. */
export function writeFrameHeader(
  target: Buffer,
  offset: number,
  frame: { type: FrameType; stream: number; sequence: number; payload: readonly Uint8Array[]; payloadBytes: number },
): void {
  target.writeUInt32BE(frame.payloadBytes, offset)
  target[offset + 4] = frame.type
  target.writeUInt32BE(frame.stream, offset + 5)
  target.writeUInt32BE(frame.sequence, offset + 9)
  let crc = crc32(target.subarray(offset, offset + crcOffset))
  for (const piece of frame.payload) crc = crc32(piece, crc)
  target.writeUInt32BE(crc, offset + crcOffset)
}

/** Next sequence number of a direction. */
export function nextSequence(sequence: number): number {
  return (sequence + 1) >>> 0
}

/** A payload in one piece; only for the short ones, for it may copy. */
export function joinPayload(frame: Frame): Buffer {
  return frame.payload.length === 1 ? frame.payload[0]! : Buffer.concat(frame.payload, frame.payloadBytes)
}

const spillBytes = 16 * 1024
const ownPieceBytes = 2 * 1024

/**
 * Cuts a byte stream into frames. A payload stays in the pieces that arrived, and no more than 16 KiB are allocated on
 * the word of a length. Small pieces, and those that are only a small part of the memory they lie in, are copied
 * together: what is kept holds at most a few times its own size, however the bytes were cut.
 */
export class FrameDecoder {
  private readonly header = Buffer.allocUnsafe(frameHeaderBytes)
  private headerBytes = 0
  private sequence = 0
  private frame: Frame | undefined
  private missingBytes = 0
  private crc = 0
  /** Copied bytes that follow the last piece of the frame's payload. */
  private spill: Buffer | undefined
  private spilledBytes = 0

  /** Calls `take` for each frame that is now complete. Throws {@link ProtocolError}; after that it must not be used. */
  push(chunk: Buffer, take: (frame: Frame) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (!this.frame) {
        at += this.readHeader(chunk, at)
        if (!this.frame) return
      }
      const end = Math.min(chunk.length, at + this.missingBytes)
      if (end > at) this.readPayload(this.frame, chunk, at, end)
      at = end
      if (this.missingBytes > 0) return
      const frame = this.frame
      this.frame = undefined
      this.check()
      take(frame)
    }
  }

  /** Bytes of an unfinished frame that are kept. */
  get heldBytes(): number {
    return this.headerBytes + (this.frame ? this.frame.payloadBytes - this.missingBytes : 0)
  }

  private readHeader(chunk: Buffer, at: number): number {
    const taken = Math.min(chunk.length - at, frameHeaderBytes - this.headerBytes)
    chunk.copy(this.header, this.headerBytes, at, at + taken)
    this.headerBytes += taken
    if (this.headerBytes < frameHeaderBytes) return taken
    const type = this.header[4]!
    const stream = this.header.readUInt32BE(5)
    const length = this.header.readUInt32BE(0)
    if (!isFrameType(type)) throw new ProtocolError(`frame of unknown type ${type}`)
    const [least, most] = payloadBytes[type]
    if (length < least || length > most) throw new ProtocolError(`frame of type ${type} with ${length} bytes`)
    if ((stream === 0) !== type >= FrameType.ping) throw new ProtocolError(`frame of type ${type} on stream ${stream}`)
    const sequence = this.header.readUInt32BE(9)
    if (sequence !== this.sequence) {
      throw new ProtocolError(`frame number ${sequence} where number ${this.sequence} is due`)
    }
    this.headerBytes = 0
    this.sequence = nextSequence(sequence)
    this.crc = crc32(this.header.subarray(0, crcOffset))
    this.missingBytes = length
    this.frame = { type, stream, payload: [], payloadBytes: length }
    return taken
  }

  private readPayload(frame: Frame, chunk: Buffer, at: number, end: number): void {
    const part = chunk.subarray(at, end)
    this.crc = crc32(part, this.crc)
    const least = this.spill ? spillBytes / 2 : ownPieceBytes
    if (part.length >= least && part.length * 4 >= chunk.buffer.byteLength) {
      this.sealSpill(frame)
      frame.payload.push(part)
    } else {
      this.copy(frame, part)
    }
    this.missingBytes -= part.length
    if (this.missingBytes === 0) this.sealSpill(frame)
  }

  private copy(frame: Frame, part: Buffer): void {
    let at = 0
    while (at < part.length) {
      if (this.spilledBytes === spillBytes) this.sealSpill(frame)
      this.spill ??= Buffer.allocUnsafe(Math.min(spillBytes, this.missingBytes - at))
      const taken = part.copy(this.spill, this.spilledBytes, at)
      this.spilledBytes += taken
      at += taken
    }
  }

  private sealSpill(frame: Frame): void {
    if (!this.spill) return
    frame.payload.push(this.spill.subarray(0, this.spilledBytes))
    this.spill = undefined
    this.spilledBytes = 0
  }

  private check(): void {
    const expected = this.header.readUInt32BE(crcOffset)
    if (this.crc !== expected) throw new ProtocolError('a frame was damaged on its way (crc32)')
  }
}

function isFrameType(type: number): type is FrameType {
  return type >= FrameType.open && type <= FrameType.goodbye
}

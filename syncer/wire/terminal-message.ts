import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { TerminalFrame } from './services.ts'

export type TerminalFrameType = (typeof TerminalFrame)[keyof typeof TerminalFrame]

export interface TerminalSize {
  columns: number
  rows: number
}

/** Bytes of a program that fit into one message. */
export const terminalChunkBytes = limits.terminalMessageBytesMax - 1

/** The parts of a message: its type and its payload, for `MessageStream.send`. */
export function terminalMessage(type: TerminalFrameType, payload: Uint8Array): Uint8Array[] {
  return [Uint8Array.of(type), payload]
}

export function encodeSize({ columns, rows }: TerminalSize): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeUInt16BE(columns, 0)
  payload.writeUInt16BE(rows, 2)
  return payload
}

export function decodeSize(payload: Buffer): TerminalSize {
  if (payload.length !== 4) throw new ProtocolError('a terminal size has 4 bytes')
  return { columns: payload.readUInt16BE(0), rows: payload.readUInt16BE(2) }
}

/** Splits a message; throws {@link ProtocolError} where it has no type. */
export function splitTerminalMessage(message: Buffer): { type: number; payload: Buffer } {
  if (message.length === 0) throw new ProtocolError('an empty terminal message')
  return { type: message[0]!, payload: message.subarray(1) }
}

/** Cuts what a program reads or wrote into payloads that fit. */
export function* terminalChunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += terminalChunkBytes) yield bytes.subarray(at, at + terminalChunkBytes)
}

import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'

/** Classes of streams: a lower number goes first. */
export const Priority = { control: 0, interactive: 1, bulk: 2 } as const
export type Priority = (typeof Priority)[keyof typeof Priority]

/** First payload of a stream: u8 priority, u32 extra credit that the acceptor has from the start, JSON request. */
export function encodeOpen(priority: Priority, extraCredit: number, request: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(request))
  const payload = Buffer.allocUnsafe(5 + json.length)
  payload[0] = priority
  payload.writeUInt32BE(extraCredit, 1)
  json.copy(payload, 5)
  return payload
}

export function decodeOpen(payload: Buffer): { priority: Priority; extraCredit: number; request: unknown } {
  const priority = payload[0]!
  if (priority !== Priority.control && priority !== Priority.interactive && priority !== Priority.bulk) {
    throw new ProtocolError(`stream of unknown priority ${priority}`)
  }
  const extraCredit = payload.readUInt32BE(1)
  if (extraCredit > limits.bulkWindowBytesMax) throw new ProtocolError('more credit than a stream may have')
  return { priority, extraCredit, request: parseJson(payload.subarray(5)) }
}

/** Why a stream was ended: a system error code or one of ours, and words for a person. */
export interface StreamEnd {
  code: string
  message: string
}

export function encodeReset(end: StreamEnd): Buffer {
  const code = isEndCode(end.code) ? end.code : 'error'
  return Buffer.from(JSON.stringify({ code, message: end.message.slice(0, limits.reasonBytesMax / 8) }))
}

export function decodeReset(payload: Buffer): StreamEnd {
  const value = parseJson(payload)
  if (typeof value !== 'object' || value === null) throw new ProtocolError('a reset without a reason')
  const { code, message } = value as Partial<StreamEnd>
  if (!isEndCode(code) || typeof message !== 'string') throw new ProtocolError('a reset without a reason')
  return { code, message }
}

function isEndCode(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(code)
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    throw new ProtocolError('a frame holds no JSON')
  }
}

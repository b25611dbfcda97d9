import { isSha256 } from './pod-files.ts'

/** First line of an attachment, from the laptop. */
export interface Header {
  /** sha256 (hex) of the bundle that must run. */
  bundle: string
  /** Its length in bytes. */
  size: number
  /** For the agent; not looked at here. */
  hello: unknown
}

const bundleBytesMax = 32 * 1024 * 1024

/** @throws Error with a text for a person, where the line is not a header of version 1 */
export function parseHeader(line: string): Header {
  const { v, bundle, size, hello }: Partial<Header> & { v?: number } = parseObject(line)
  if (v !== 1) throw new Error(`attachments of version ${v} are not known here: run down and up once`)
  if (!isSha256(bundle)) throw new Error('the header names no bundle')
  if (!Number.isSafeInteger(size) || size! < 1 || size! > bundleBytesMax) throw new Error('the header gives no size')
  return { bundle, size: size!, hello }
}

function parseObject(line: string): object {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value
  } catch {}
  throw new Error('the header is not a JSON object')
}

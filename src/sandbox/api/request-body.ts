import type { IncomingMessage } from 'node:http'
import { ApiError } from '../store/api-error.ts'

/** As the real one limits a JSON body. */
const bodyBytesMax = 3 * 1024 * 1024

/** Throws 413 for one that is too long. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of request) {
    sizeBytes += chunk.length
    if (sizeBytes > bodyBytesMax) {
      const message = `Request entity too large: limit is ${bodyBytesMax}`
      throw new ApiError(413, 'RequestEntityTooLarge', message)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Throws 415 for a body that is not JSON. */
export function refuseOtherTypes(request: IncomingMessage): void {
  const mediaType = mediaTypeOf(request)
  if (mediaType === 'application/json' || mediaType === '') return
  const message = 'the body of the request was in an unknown format - accepted media types include: application/json'
  throw new ApiError(415, 'UnsupportedMediaType', message)
}

/** The media type alone, in small letters. */
export function mediaTypeOf(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
}

import type { IncomingMessage } from 'node:http'

const refusalBytesMax = 64 * 1024

/** The body of an upgrade's refusal, as far as it comes. */
export async function readRefusal(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  try {
    for await (const chunk of response) {
      chunks.push(chunk)
      sizeBytes += chunk.length
      if (sizeBytes > refusalBytesMax) break
    }
  } catch {
    // what came of it has to do
  }
  return Buffer.concat(chunks).toString('utf8')
}

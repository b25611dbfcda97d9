import type { Readable } from 'node:stream'

/**
 * The stream's next line, without its end; everything behind it stays in the stream, which is left paused.
 * @throws Error where the stream ends or fails first or the line is too long; the signal's reason
 */
export function readLine(stream: Readable, bytesMax: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0)
    const ended = () => fail(stream.errored ?? new Error('the stream ended'))
    const aborted = () => fail(signal.reason)
    stream.on('readable', take).on('end', ended).on('close', ended).on('error', fail)
    signal.addEventListener('abort', aborted, { once: true })
    if (signal.aborted) aborted()
    else if (stream.readableEnded || stream.destroyed) ended()
    else take()

    function take(): void {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
        held = Buffer.concat([held, chunk])
        if (held.includes('\n') || held.length > bytesMax) break
      }
      const end = held.indexOf('\n')
      if (end < 0 && held.length <= bytesMax) return
      release()
      if (end < 0 || end > bytesMax) {
        reject(new Error(`a line longer than ${bytesMax} bytes`))
      } else {
        if (end + 1 < held.length) stream.unshift(held.subarray(end + 1))
        resolve(held.toString('utf8', 0, end))
      }
    }
    function fail(error: unknown): void {
      release()
      reject(error)
    }
    function release(): void {
      stream.off('readable', take).off('end', ended).off('close', ended).off('error', fail)
      signal.removeEventListener('abort', aborted)
    }
  })
}

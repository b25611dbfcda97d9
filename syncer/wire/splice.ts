import type { Duplex } from 'node:stream'
import type { AfterEvents } from './after-events.ts'

/**
 * Carries bytes between two sockets until both directions have ended: half-close goes through, and when one of the two
 * breaks, the other is reset, so a cut never looks like an end.
 */
export function splice(a: Duplex, b: Duplex, afterEvents: AfterEvents): void {
  follow(a, b)
  follow(b, a)
  carry(a, b, afterEvents)
  carry(b, a, afterEvents)
}

/** Chunks between these are pieces of a stream at full speed: several of them are one write. */
const pieceBytes = { least: 4 * 1024, most: 48 * 1024 } as const

function carry(from: Duplex, to: Duplex, afterEvents: AfterEvents): void {
  let isGathering = false
  from.on('data', (chunk: Buffer) => {
    if (!isGathering && chunk.length >= pieceBytes.least && chunk.length <= pieceBytes.most) {
      isGathering = true
      to.cork()
      afterEvents(() => {
        isGathering = false
        to.uncork()
      })
    }
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.once('end', () => to.end())
}

function follow(from: Duplex, to: Duplex): void {
  from.on('error', () => {})
  from.once('close', () => {
    const ended = !from.errored && from.readableEnded && from.writableFinished
    if (!ended) reset(to, from.errored)
  })
}

/** A TCP socket sends RST rather than FIN; a stream of ours tells the error's code. */
function reset(stream: Duplex & { resetAndDestroy?: () => void }, error: Error | null): void {
  if (stream.destroyed) return
  if (stream.resetAndDestroy) stream.resetAndDestroy()
  else stream.destroy(error ?? undefined)
}

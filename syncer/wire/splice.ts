import type { Duplex } from 'node:stream'

/**
 * Carries bytes between two sockets until both directions have ended: half-close goes through, and when one of the two
 * breaks, the other is reset, so a cut never looks like an end.
 */
export function splice(a: Duplex, b: Duplex): void {
  follow(a, b)
  follow(b, a)
  a.pipe(b)
  b.pipe(a)
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

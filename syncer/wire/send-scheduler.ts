import { limits } from '../base/limits.ts'
import { Priority } from './frame-payload.ts'

/** Bytes of higher classes that go ahead of a waiting class before it gets one turn. */
export const starvationBytes = 8 * limits.interactiveChunkBytes

/**
 * Whose turn it is to send. Higher classes go first, streams of one class take turns, and a class that waits gets one
 * interactive chunk for every {@link starvationBytes} that went ahead of it, so none ever stands still.
 */
export class SendScheduler<S> {
  private readonly ready: [Set<S>, Set<S>, Set<S>] = [new Set(), new Set(), new Set()]
  private readonly passedBytes: [number, number, number] = [0, 0, 0]

  /** Puts a stream at the end of its class, or leaves it where it already waits. */
  add(stream: S, priority: Priority): void {
    this.ready[priority].add(stream)
  }

  remove(stream: S): void {
    for (const streams of this.ready) streams.delete(stream)
  }

  /** Takes out the stream whose turn it is and says how many bytes of payload it may send. */
  next(): { stream: S; priority: Priority; bytesMax: number } | undefined {
    const highest = this.highest()
    const priority = this.starving() ?? highest
    if (priority === undefined) return undefined
    const streams = this.ready[priority]
    const [stream] = streams
    if (stream === undefined) return undefined
    streams.delete(stream)
    const undisturbed = priority === Priority.bulk && highest === Priority.bulk
    return { stream, priority, bytesMax: undisturbed ? limits.framePayloadBytesMax : limits.interactiveChunkBytes }
  }

  /** What the stream of the last turn sent. */
  sent(priority: Priority, bytes: number): void {
    this.passedBytes[priority] = 0
    for (const lower of lowerThan[priority]) {
      if (this.ready[lower].size > 0) this.passedBytes[lower] += bytes
    }
  }

  private highest(): Priority | undefined {
    return classes.find(priority => this.ready[priority].size > 0)
  }

  private starving(): Priority | undefined {
    return classes.find(priority => this.passedBytes[priority] >= starvationBytes && this.ready[priority].size > 0)
  }
}

const classes = [Priority.control, Priority.interactive, Priority.bulk] as const
const lowerThan = {
  [Priority.control]: [Priority.interactive, Priority.bulk],
  [Priority.interactive]: [Priority.bulk],
  [Priority.bulk]: [],
} as const

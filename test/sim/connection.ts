import type { Lane } from '../../syncer/session/peer.ts'
import type { Random } from './random.ts'

export type EndName = 'laptop' | 'pod'

/** Two lanes each way; a lane keeps its order, lanes do not wait for each other. What is under way dies with it. */
export class Connection<M> {
  readonly #queues: { to: EndName; lane: Lane; messages: M[] }[] = (['laptop', 'pod'] as const).flatMap(to =>
    (['control', 'bulk'] as const).map(lane => ({ to, lane, messages: [] as M[] })),
  )

  send(to: EndName, lane: Lane, message: M): void {
    this.#queues.find(queue => queue.to === to && queue.lane === lane)!.messages.push(message)
  }

  /** The next message of one lane. */
  take(random: Random): { to: EndName; lane: Lane; message: M } | undefined {
    const waiting = this.#queues.filter(queue => queue.messages.length > 0)
    if (waiting.length === 0) return undefined
    const { to, lane, messages } = random.pick(waiting)
    return { to, lane, message: messages.shift()! }
  }

  get quiet(): boolean {
    return this.#queues.every(queue => queue.messages.length === 0)
  }
}

import type { Lane } from '../../syncer/engine/exchange/peer.ts'
import type { Random } from './random.ts'

export type EndName = 'laptop' | 'pod'

/** Two lanes each way; a lane keeps its order, lanes do not wait for each other. What is under way dies with it. */
export class Connection<M> {
  readonly #queues: { to: EndName; lane: Lane; messages: M[] }[] = [
    { to: 'laptop', lane: 'control', messages: [] },
    { to: 'laptop', lane: 'bulk', messages: [] },
    { to: 'pod', lane: 'control', messages: [] },
    { to: 'pod', lane: 'bulk', messages: [] },
  ]

  send(to: EndName, lane: Lane, message: M): void {
    this.#queues[(to === 'pod' ? 2 : 0) + (lane === 'bulk' ? 1 : 0)]!.messages.push(message)
  }

  /** The next message of one lane, with what follows it in that lane where `together` says so, which is asked once. */
  take(random: Random, together: () => boolean): { to: EndName; lane: Lane; messages: M[] } | undefined {
    if (this.quiet) return undefined
    const waiting = this.#queues.filter(queue => queue.messages.length > 0)
    const { to, lane, messages } = random.pick(waiting)
    return { to, lane, messages: messages.splice(0, together() ? messages.length : 1) }
  }

  get quiet(): boolean {
    for (const queue of this.#queues) if (queue.messages.length > 0) return false
    return true
  }
}

import type { Socket } from 'node:net'
import { type LinkSpeed, Shaper } from './shaper.ts'

/** What a sender may have ahead of the link, for each connection, before it is no longer read from. */
const aheadBytesMax = 256 * 1024

interface Flow {
  from: Socket
  to: Socket
  isClosed: boolean
}

/** One direction of a slow link, for any number of connections. */
export class SlowLane {
  readonly #shaper: Shaper
  readonly #flows = new Map<number, Flow>()
  #lastFlow = 0
  #timer: NodeJS.Timeout | undefined

  constructor(speed: LinkSpeed) {
    this.#shaper = new Shaper(speed)
  }

  carry(from: Socket, to: Socket): void {
    const id = ++this.#lastFlow
    const flow: Flow = { from, to, isClosed: false }
    this.#flows.set(id, flow)
    from.on('data', (bytes: Buffer) => {
      // nobody is there any more to hear it
      if (!this.#flows.has(id)) return
      this.#shaper.push(id, bytes, performance.now())
      if (this.#shaper.waitingBytes(id) > aheadBytesMax) from.pause()
      this.#run()
    })
    // what was said last is still on its way when a connection is closed
    from.on('close', () => {
      flow.isClosed = true
      this.#run()
    })
    to.on('close', () => {
      this.#flows.delete(id)
      this.#shaper.forget(id)
      from.resume()
    })
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #run(): void {
    clearTimeout(this.#timer)
    const nowMs = performance.now()
    for (const { flow, bytes } of this.#shaper.take(nowMs)) this.#flows.get(flow)?.to.write(bytes)
    for (const [id, { from, to, isClosed }] of this.#flows) {
      if (from.isPaused() && this.#shaper.waitingBytes(id) < aheadBytesMax / 2) from.resume()
      if (isClosed && !this.#shaper.has(id)) to.destroySoon()
    }
    const dueMs = this.#shaper.dueMs()
    if (dueMs < Infinity) this.#timer = setTimeout(() => this.#run(), Math.max(0, dueMs - nowMs))
  }
}

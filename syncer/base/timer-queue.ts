/** Things with a due time, soonest first: a binary heap. Times are the caller's (ms). */
export class TimerQueue<T> {
  private readonly heap: { due: number; order: number; item: T }[] = []
  private order = 0

  get size(): number {
    return this.heap.length
  }

  /** Due time of the soonest item, `Infinity` where there is none. */
  nextDue(): number {
    return this.heap[0]?.due ?? Number.POSITIVE_INFINITY
  }

  /** The soonest item; it stays. */
  first(): T | undefined {
    return this.heap[0]?.item
  }

  add(due: number, item: T): void {
    const { heap } = this
    heap.push({ due, order: this.order++, item })
    let at = heap.length - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.before(parent, at)) break
      this.swap(at, parent)
      at = parent
    }
  }

  /** Removes and returns the soonest item that is due by `now`. */
  take(now: number): T | undefined {
    const { heap } = this
    const first = heap[0]
    if (first === undefined || first.due > now) return undefined
    const last = heap.pop()!
    if (heap.length > 0) {
      heap[0] = last
      this.sink()
    }
    return first.item
  }

  private sink(): void {
    let at = 0
    for (;;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.heap.length && this.before(child, least)) least = child
      }
      if (least === at) return
      this.swap(at, least)
      at = least
    }
  }

  private before(a: number, b: number): boolean {
    const x = this.heap[a]!
    const y = this.heap[b]!
    return x.due < y.due || (x.due === y.due && x.order < y.order)
  }

  private swap(a: number, b: number): void {
    const x = this.heap[a]!
    this.heap[a] = this.heap[b]!
    this.heap[b] = x
  }
}

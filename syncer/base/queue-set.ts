/**
 * A set from which the oldest is taken. A plain `Set` walks past everything that was removed before it comes to the
 * first that is left; this one goes on where it stopped.
 */
export class QueueSet<T> {
  private readonly items = new Set<T>()
  private oldest = this.items.values()

  get size(): number {
    return this.items.size
  }

  has(item: T): boolean {
    return this.items.has(item)
  }

  /** Goes to the end, unless it is in already. */
  add(item: T): void {
    this.items.add(item)
  }

  delete(item: T): void {
    this.items.delete(item)
  }

  /** Removes and gives the oldest. */
  take(): T | undefined {
    if (this.items.size === 0) return undefined
    let next = this.oldest.next()
    if (next.done === true) {
      this.oldest = this.items.values()
      next = this.oldest.next()
    }
    this.items.delete(next.value!)
    return next.value
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.items.values()
  }
}

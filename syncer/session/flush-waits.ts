/** Who waits for a flush, by the number that it was asked for with. */
export class FlushWaits {
  private readonly waits = new Map<number, { done(): void; fail(error: Error): void }>()

  get ids(): number[] {
    return [...this.waits.keys()]
  }

  has(id: number): boolean {
    return this.waits.has(id)
  }

  /** Resolves with {@link done}; rejects with the signal's reason, or with what {@link failAll} is given. */
  add(id: number, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const end = (how: () => void) => {
        signal.removeEventListener('abort', abort)
        this.waits.delete(id)
        how()
      }
      const abort = () => end(() => reject(signal.reason))
      signal.addEventListener('abort', abort, { once: true })
      this.waits.set(id, { done: () => end(resolve), fail: error => end(() => reject(error)) })
    })
  }

  done(id: number): void {
    this.waits.get(id)?.done()
  }

  failAll(error: Error): void {
    for (const wait of [...this.waits.values()]) wait.fail(error)
  }
}

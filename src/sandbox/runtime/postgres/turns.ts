/** One at a time, in the order of asking. */
export class Turns {
  #holder: object | undefined
  readonly #waiting: { who: object; go: () => void }[] = []

  /** Resolves when it is this one's turn; at once where it already is. */
  take(who: object): Promise<void> {
    if (this.#holder === undefined || this.#holder === who) {
      this.#holder = who
      return Promise.resolve()
    }
    return new Promise(go => this.#waiting.push({ who, go }))
  }

  holds(who: object): boolean {
    return this.#holder === who
  }

  release(who: object): void {
    if (this.#holder !== who) return
    const next = this.#waiting.shift()
    this.#holder = next?.who
    next?.go()
  }
}

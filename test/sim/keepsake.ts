/** A file of the laptop's program that is written whole, beside its journal, and never forced to the disk. */
export class Keepsake {
  /** Called before each step; may throw, as the death of the process. */
  before: (() => void) | undefined
  #bytes: Buffer | undefined
  #older: Buffer | undefined

  read(): Buffer | undefined {
    return this.#bytes
  }

  write(bytes: Buffer): void {
    this.before?.()
    this.#older = this.#bytes
    this.#bytes = bytes
  }

  /** @param choose returns a whole number from 0 to its argument (inclusive) */
  cutPower(choose: (max: number) => number): void {
    const fate = choose(2)
    if (fate === 0) this.#bytes = this.#older
    else if (fate === 1) this.#bytes = undefined
  }
}

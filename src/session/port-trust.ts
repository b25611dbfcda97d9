/** So many cuts in a row after which connections had stood shorter than `shortMs`. */
const shortCutsMax = 2
/** So many in a session, however long they had stood: a proxy may cut what is older than some minutes. */
const cutsMax = 4
const shortMs = 120_000

/**
 * What a session has learnt of port-forwards: a proxy on the way may swallow them, or cut what exec survives. What is not
 * to be trusted is not tried again, for each try costs a reconnect. Pure.
 */
export class PortTrust {
  #isUsable = true
  #shortCuts = 0
  #cuts = 0

  /** Bulk content is tried by port before exec. */
  get isUsable(): boolean {
    return this.#isUsable
  }

  /** It was opened, and nothing came through. */
  failed(): void {
    this.#isUsable = false
  }

  /** It ended while exec, over the same way, stood. */
  cut(stoodMs: number): void {
    this.#cuts += 1
    this.#shortCuts = stoodMs < shortMs ? this.#shortCuts + 1 : 0
    if (this.#shortCuts >= shortCutsMax || this.#cuts >= cutsMax) this.#isUsable = false
  }
}

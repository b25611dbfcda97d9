/** A seeded generator (mulberry32): small, fast, the same everywhere. */
export class Random {
  #state: number
  /** What {@link weighted} was given, as it is gone through: objects with names for keys are slow to list. */
  readonly #wheels = new Map<object, [name: string, weight: number][]>()

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring runs.
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ (seed >>> 16)) >>> 0
    this.next()
  }

  /** 0 ≤ x < 1 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  /** Whole, 0 ≤ x < n. */
  below(n: number): number {
    return Math.floor(this.next() * n)
  }

  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** One of the keys, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K {
    let wheel = this.#wheels.get(weights)
    if (wheel === undefined) {
      wheel = Object.entries<number>(weights as Record<K, number>)
      this.#wheels.set(weights, wheel)
    }
    let total = 0
    for (const entry of wheel) total += entry[1]
    let at = this.next() * total
    for (const entry of wheel) {
      at -= entry[1]
      if (at < 0) return entry[0] as K
    }
    return wheel.at(-1)![0] as K
  }
}

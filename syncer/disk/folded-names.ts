/** The names of a folder where several spellings are one name: kept as it was written last. */
export class FoldedNames<T> extends Map<string, T> {
  readonly #keyOf: (name: string) => string
  readonly #spelled = new Map<string, string>()

  constructor(keyOf: (name: string) => string) {
    super()
    this.#keyOf = keyOf
  }

  override get(name: string): T | undefined {
    const spelled = this.#spelled.get(this.#keyOf(name))
    return spelled === undefined ? undefined : super.get(spelled)
  }

  override has(name: string): boolean {
    return this.#spelled.has(this.#keyOf(name))
  }

  override set(name: string, value: T): this {
    this.delete(name)
    this.#spelled.set(this.#keyOf(name), name)
    return super.set(name, value)
  }

  override delete(name: string): boolean {
    const key = this.#keyOf(name)
    const spelled = this.#spelled.get(key)
    this.#spelled.delete(key)
    return spelled !== undefined && super.delete(spelled)
  }
}

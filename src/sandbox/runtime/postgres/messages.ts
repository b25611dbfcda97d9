// Messages of PostgreSQL's protocol, version 3: a type byte, a length that counts itself, a body. The first one of a
// client has no type. https://www.postgresql.org/docs/current/protocol-message-formats.html

/** Behind the length: what the first message asks for. */
export const StartupCode = {
  protocol3: 196_608,
  cancel: 80_877_102,
  ssl: 80_877_103,
  gssEncryption: 80_877_104,
} as const

export const messageBytesMax = 64 * 1024 * 1024
const startupBytesMax = 10_000

export interface Message {
  /** '' for the first one. */
  type: string
  /** Type, length and body. */
  bytes: Buffer
}

/** A client's bytes, cut into messages. */
export class MessageReader {
  #held: Buffer = Buffer.alloc(0)
  #isStarted = false

  /** From now on messages have types. */
  started(): void {
    this.#isStarted = true
  }

  /** Throws where a length cannot be. */
  add(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
  }

  /** The next whole one. */
  next(): Message | undefined {
    const typeBytes = this.#isStarted ? 1 : 0
    if (this.#held.length < typeBytes + 4) return undefined
    const length = this.#held.readInt32BE(typeBytes)
    if (length < 4 || length > (this.#isStarted ? messageBytesMax : startupBytesMax)) {
      throw new Error(`a message of ${length} bytes`)
    }
    if (this.#held.length < typeBytes + length) return undefined
    const bytes = this.#held.subarray(0, typeBytes + length)
    this.#held = this.#held.subarray(typeBytes + length)
    return { type: this.#isStarted ? String.fromCharCode(bytes[0]!) : '', bytes }
  }
}

export function message(type: string, ...parts: (Buffer | string)[]): Buffer {
  // a text ends with a zero byte
  const body = Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)))
  const head = Buffer.alloc(5, type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** `severity`: `ERROR`, or `FATAL`, after which the connection ends. */
export function errorMessage(severity: string, code: string, text: string): Buffer {
  return message('E', `S${severity}`, `V${severity}`, `C${code}`, `M${text}`, Buffer.of(0))
}

/** The text from `at` to its zero byte. */
export function textAt(bytes: Buffer, at: number): string {
  const end = bytes.indexOf(0, at)
  return bytes.toString('utf8', at, end < 0 ? bytes.length : end)
}

/** Names and values of a startup message. */
export function startupParameters(bytes: Buffer): Map<string, string> {
  const texts = bytes.toString('utf8', 8).split('\0')
  const parameters = new Map<string, string>()
  for (let at = 0; at + 1 < texts.length && texts[at] !== ''; at += 2) parameters.set(texts[at]!, texts[at + 1]!)
  return parameters
}

/** The last ReadyForQuery's transaction state in a server's output: `I` idle, `T` in one, `E` in one that failed. */
export class ReadyWatch {
  #state: string | undefined
  #skip = 0
  #head: Buffer = Buffer.alloc(0)

  /** undefined: none since {@link clear}. */
  get state(): string | undefined {
    return this.#state
  }

  clear(): void {
    this.#state = undefined
  }

  add(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      const skipped = Math.min(this.#skip, chunk.length - at)
      this.#skip -= skipped
      at += skipped
      if (at === chunk.length) return
      const wanted = 6 - this.#head.length
      this.#head = Buffer.concat([this.#head, chunk.subarray(at, at + wanted)])
      at += Math.min(wanted, chunk.length - at)
      if (this.#head.length >= 5) at -= this.#take()
    }
  }

  /** Answers how many bytes it gives back: a message without a body is shorter than what was taken. */
  #take(): number {
    const length = this.#head.readInt32BE(1)
    if (length > 4 && this.#head.length < 6) return 0
    if (this.#head[0] === 0x5a) this.#state = String.fromCharCode(this.#head[5]!)
    const back = length === 4 ? this.#head.length - 5 : 0
    this.#skip = Math.max(0, length - 5)
    this.#head = Buffer.alloc(0)
    return back
  }
}

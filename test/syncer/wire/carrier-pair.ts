import { Duplex } from 'node:stream'

export interface CarrierOptions {
  /** Cuts what was written at one end into what arrives at the other; absent: as it was written. */
  cut?: (chunk: Buffer) => Buffer[]
  /** Sees everything that is written, in order; may hold it back by returning a promise. */
  onWrite?: (end: 'a' | 'b', chunk: Buffer) => void | Promise<void>
  highWaterMark?: number
}

/** One end of a connection in memory, with back-pressure: a write is done when the other end has taken it. */
class CarrierEnd extends Duplex {
  other: CarrierEnd | undefined
  private readonly options: CarrierOptions
  private readonly name: 'a' | 'b'
  private waiting: (() => void) | undefined

  constructor(name: 'a' | 'b', options: CarrierOptions) {
    super({ highWaterMark: options.highWaterMark ?? 16 * 1024, allowHalfOpen: true })
    this.name = name
    this.options = options
    this.on('close', () => {
      const { other } = this
      setImmediate(() => other && !other.destroyed && other.destroy())
    })
  }

  override _read(): void {
    const waiting = this.waiting
    this.waiting = undefined
    waiting?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    void this.pass(chunk).then(() => callback(), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    setImmediate(() => {
      if (this.other && !this.other.destroyed) this.other.push(null)
      callback()
    })
  }

  private async pass(chunk: Buffer): Promise<void> {
    await this.options.onWrite?.(this.name, chunk)
    const pieces = this.options.cut?.(chunk) ?? [chunk]
    for (const piece of pieces) {
      await new Promise<void>(resolve => setImmediate(resolve))
      if (!this.other || this.other.destroyed || this.destroyed) return
      // a copy, as a socket would deliver it: memory that is reused too early would show
      if (!this.other.push(Buffer.from(piece))) await this.other.taken()
    }
  }

  private taken(): Promise<void> {
    return new Promise(resolve => {
      this.waiting = resolve
    })
  }
}

export function carrierPair(options: CarrierOptions = {}): [Duplex, Duplex] {
  const a = new CarrierEnd('a', options)
  const b = new CarrierEnd('b', options)
  a.other = b
  b.other = a
  return [a, b]
}

/** Cuts at places that `random` (0 ≤ x < 1) gives. */
export function randomCut(random: () => number): (chunk: Buffer) => Buffer[] {
  return chunk => {
    const pieces: Buffer[] = []
    let at = 0
    while (at < chunk.length) {
      const length = Math.max(1, Math.floor(random() ** 3 * 100_000))
      pieces.push(chunk.subarray(at, at + length))
      at += length
    }
    return pieces
  }
}

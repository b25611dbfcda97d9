import {
  type BrotliCompress,
  type BrotliDecompress,
  constants,
  createBrotliCompress,
  createBrotliDecompress,
} from 'node:zlib'

/** Packs pieces of one stream: each is packed with what is known from those before it. */
export interface StreamPacker {
  /** One after the other, in the order of the calls. */
  pack(bytes: Buffer): Promise<Buffer>
  close(): void
}

/** Unpacks what a {@link StreamPacker} packed, in its order. */
export interface StreamUnpacker {
  /** @throws whatever says that these bytes do not go on with that stream, or are more than `bytesMax` */
  unpack(packed: Buffer, bytesMax: number): Promise<Buffer>
  close(): void
}

const outputChunkBytes = 128 * 1024
/** What is known from before reaches 4 MiB back: the packer takes some 12 MB of memory for that, the other end 5. */
const windowBits = 22
/** 60 MB/s of source code. */
const quality = 4

export class BrotliPacker implements StreamPacker {
  readonly #stream = createBrotliCompress({
    params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: windowBits },
    chunkSize: outputChunkBytes,
  })
  readonly #output = new CodecOutput(this.#stream)

  pack(bytes: Buffer): Promise<Buffer> {
    return this.#output.of(Number.POSITIVE_INFINITY, done => {
      this.#stream.write(bytes)
      this.#stream.flush(constants.BROTLI_OPERATION_FLUSH, done)
    })
  }

  close(): void {
    this.#stream.destroy()
  }
}

export class BrotliUnpacker implements StreamUnpacker {
  readonly #stream = createBrotliDecompress({ chunkSize: outputChunkBytes })
  readonly #output = new CodecOutput(this.#stream)

  unpack(packed: Buffer, bytesMax: number): Promise<Buffer> {
    return this.#output.of(bytesMax, done => void this.#stream.write(packed, done))
  }

  close(): void {
    this.#stream.destroy()
  }
}

/** Collects what comes of each step of a codec, one step after the other. */
class CodecOutput {
  readonly #stream: BrotliCompress | BrotliDecompress
  #pieces: Buffer[] = []
  #bytes = 0
  #bytesMax = 0
  #last: Promise<unknown> = Promise.resolve()
  #fail: ((error: Error) => void) | undefined
  #failure: Error | undefined

  constructor(stream: BrotliCompress | BrotliDecompress) {
    this.#stream = stream
    stream.on('data', (piece: Buffer) => {
      this.#pieces.push(piece)
      this.#bytes += piece.length
      if (this.#bytes <= this.#bytesMax) return
      this.#failed(new Error('more than a block holds'))
      stream.destroy()
    })
    stream.on('error', error => this.#failed(error))
    // Nothing comes of what is written to it from now on.
    stream.on('end', () => this.#failed(new Error('the stream has ended')))
    stream.on('close', () => this.#failed(new Error('the stream is closed')))
  }

  /** @param step told what to call when all of it is through */
  of(bytesMax: number, step: (done: () => void) => void): Promise<Buffer> {
    const result = this.#last.then(() => this.#run(bytesMax, step))
    this.#last = result.catch(() => {})
    return result
  }

  #run(bytesMax: number, step: (done: () => void) => void): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure)
        return
      }
      this.#bytesMax = bytesMax
      this.#fail = reject
      const taken = () => {
        if (this.#failure !== undefined) return
        if (this.#stream.readableLength > 0) {
          this.#stream.once('data', taken)
          return
        }
        const bytes = Buffer.concat(this.#pieces, this.#bytes)
        this.#pieces = []
        this.#bytes = 0
        resolve(bytes)
      }
      step(taken)
    })
  }

  #failed(error: Error): void {
    this.#failure ??= error
    this.#fail?.(this.#failure)
  }
}

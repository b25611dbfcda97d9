import { ProtocolError } from '../base/errors.ts'
import type { BlockMeasure } from '../core/block-marks.ts'
import type { Grain } from '../core/content-sum.ts'
import type { Build } from '../wire/content-message.ts'
import type { Basis } from './basis.ts'

/** A content that is what was compared, but for what is filled in. */
export class Patching {
  readonly kind = 'patching'
  readonly message: Build
  /** Of each block as it stands in the file. */
  readonly values: Buffer
  /** Nothing may come below. */
  at = 0
  private readonly basis: Basis
  private readonly measure: BlockMeasure
  private readonly blockBytes: number

  constructor(message: Build, basis: Basis, measure: BlockMeasure, grain: Grain) {
    this.message = message
    this.basis = basis
    this.measure = measure
    this.blockBytes = grain.blockBytes
    if (basis.file === undefined) basis.make()
    basis.file!.resize(message.size)
    // Whatever else changes, the other end sends.
    this.values = basis.resizedTo(message.size)
  }

  /** @throws ProtocolError where it is not whole blocks */
  fill(offset: number, bytes: Uint8Array): void {
    const { blockBytes, measure } = this
    const end = offset + bytes.length
    if (bytes.length === 0) return
    if (offset % blockBytes !== 0 || (end % blockBytes !== 0 && end !== this.message.size))
      throw new ProtocolError('a part of a block')
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const value = measure.of(bytes.subarray(at, at + blockBytes))
      this.values.set(value, ((offset + at) / blockBytes) * measure.valueBytes)
    }
    this.basis.file!.writeAt(offset, bytes)
    this.at = end
  }
}

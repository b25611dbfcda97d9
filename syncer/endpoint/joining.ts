import { ProtocolError } from '../base/errors.ts'
import { type BlockMeasure, BlockSum } from '../core/block-marks.ts'
import type { Grain } from '../core/content-sum.ts'
import type { Disk, PatchedFile } from '../disk/disk.ts'
import type { Build } from '../wire/content-message.ts'
import { isBlank } from './blank.ts'

/** A content that is put together from its first byte on: of blocks of what was compared, and of what is filled in. */
export class Joining {
  readonly kind = 'joining'
  readonly message: Build
  readonly name: string
  readonly file: PatchedFile
  at = 0
  private readonly sum: BlockSum

  /** @param name of the private file that it is written to, which is made */
  constructor(message: Build, disk: Disk, name: string, measure: BlockMeasure, grain: Grain) {
    this.message = message
    this.name = name
    disk.create(name).close()
    this.file = disk.patch(name)
    this.sum = new BlockSum(measure, grain)
  }

  /** @throws ProtocolError where it is out of order */
  fill(offset: number, bytes: Uint8Array): void {
    if (offset !== this.at) throw new ProtocolError('content out of order')
    this.sum.update(bytes)
    if (bytes.length > 0 && !isBlank(bytes)) this.file.writeAt(offset, bytes)
    this.at += bytes.length
  }

  /** The values of its blocks. */
  end(): Buffer {
    this.file.resize(this.at)
    return this.sum.digest()
  }
}

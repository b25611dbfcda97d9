import type { Clock } from '../base/clock.ts'
import type { Disk, Stat } from '../disk/disk.ts'
import type { Entry } from './tree.ts'

/** What a disk's time stamps are worth: a change may bear the same as the one before it. All in ns. */
export class Stamps {
  private readonly disk: Pick<Disk, 'timestampGranuleNs'>
  private readonly clock: Clock

  constructor(disk: Pick<Disk, 'timestampGranuleNs'>, clock: Clock) {
    this.disk = disk
    this.clock = clock
  }

  nowNs(): bigint {
    return BigInt(Math.floor(this.clock.now() * 1000)) * 1000n
  }

  /** The oldest time stamp that a change from now on may bear. */
  presentNs(): bigint {
    return this.nowNs() - this.disk.timestampGranuleNs
  }

  /** Was the change so recent that another could follow with the same time stamps? */
  isRacy(stat: Stat, readStartedNs: bigint): boolean {
    return stat.ctimeNs >= readStartedNs - this.disk.timestampGranuleNs
  }

  /** Racy, and not merely of a time that is still to come: a change of now would show another one. */
  isUnsure(entry: Entry): boolean {
    return entry.racy && (entry.key?.ctimeNs ?? 0n) <= this.nowNs() + this.disk.timestampGranuleNs
  }
}

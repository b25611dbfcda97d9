import fs from 'node:fs'
import { type NativePath, nativePath } from './native-path.ts'

const localGranuleNs = 10_000_000n
const coarseGranuleNs = 2_000_000_000n

/** Caching clients and servers with clocks of their own: two changes within this span may look like one. */
const remoteFileSystems = /^(nfs\d?|cifs|smb\d?|smbfs|9p|v9fs|fuse(\..*|blk)?|virtiofs|ceph|lustre|afs|glusterfs|gpfs)$/

/**
 * The coarsest step of a folder's time stamps: 10 ms on a local file system (kernels before 6.13 stamp with the last
 * timer tick), 2 s on a remote one and on those that keep whole seconds (FAT: two of them).
 * @param prefix a folder of ours, `/` at the end
 * @param fileSystem as the mount table names it; '' when unknown
 * @param stamp time stamps of a file that was just written
 */
export function probeTimestampGranule(prefix: string, fileSystem: string, stamp = stampOf): bigint {
  if (remoteFileSystems.test(fileSystem)) return coarseGranuleNs
  const probe = nativePath(`${prefix}.granule`)
  try {
    // One stamp may fall on a full second by chance.
    for (let attempt = 0; attempt < 3; attempt++) {
      fs.rmSync(probe, { force: true })
      fs.writeFileSync(probe, 'x', { flag: 'wx', mode: 0o600 })
      const { mtimeNs, ctimeNs } = stamp(probe)
      if (mtimeNs % 1_000_000_000n !== 0n && ctimeNs % 1_000_000_000n !== 0n) return localGranuleNs
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 13)
    }
    return coarseGranuleNs
  } finally {
    fs.rmSync(probe, { force: true })
  }
}

function stampOf(path: NativePath): { mtimeNs: bigint; ctimeNs: bigint } {
  return fs.lstatSync(path, { bigint: true })
}

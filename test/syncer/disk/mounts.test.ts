import { describe, expect, test } from 'vitest'
import { Mounts, parseMountinfo } from '../../../syncer/disk/mounts.ts'
import { probeTimestampGranule } from '../../../syncer/disk/timestamp-granule.ts'
import { scratchFolder } from './scratch-folder.ts'

const clock = { now: () => 0, monotonic: () => 0 }
const table = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  '30 22 0:25 / /app rw,relatime shared:3 master:2 propagate_from:2 - overlay overlay rw,lowerdir=/a:/b',
  '31 30 0:26 /..2026 /app/config\\040map rw - tmpfs tmpfs rw',
  '32 30 0:27 / /app/tab\\011new\\012line\\134slash rw - nfs4 server:/x rw',
  '33 30 0:28 / /app/byte\xff rw - fuse.sshfs host: rw',
  '34 22 0:29 / /application rw - tmpfs tmpfs rw',
  '35 22 0:30 / /app2 rw - tmpfs - rw',
  'broken line',
  '',
].join('\n')

const mountsOf = (root: string, text = table) => new Mounts(root, clock, () => Buffer.from(text, 'latin1'))

describe('the mount table', () => {
  test('gives mount points inside the root alone, unescaped', () => {
    const mounts = mountsOf('/app')
    expect(mounts.fileSystem).toBe('overlay')
    for (const inside of ['config map', 'tab\tnew\nline\\slash', 'byte\uDCFF']) expect(mounts.has(inside)).toBe(true)
    for (const other of ['', 'config', 'lication', '2', 'config map/x']) expect(mounts.has(other)).toBe(false)
  })

  test('the root of everything', () => {
    const mounts = mountsOf('/')
    expect(mounts.fileSystem).toBe('ext4')
    expect(mounts.has('app')).toBe(true)
    expect(mounts.has('')).toBe(false)
  })

  test('the file system is that of the nearest mount, the later of two at one point', () => {
    expect(mountsOf('/app/config map/deep').fileSystem).toBe('tmpfs')
    expect(mountsOf('/apple').fileSystem).toBe('ext4')
    expect(mountsOf('/app', `${table}40 30 0:40 / /app rw - btrfs x rw\n`).fileSystem).toBe('btrfs')
    expect(mountsOf('/app', '').fileSystem).toBe('')
    expect(mountsOf('/app', '').isEmpty).toBe(true)
  })

  test('the one of this machine can be read', ctx => {
    if (process.platform !== 'linux') return ctx.skip('Linux only')
    expect(new Mounts('/', clock).fileSystem).not.toBe('')
    expect(parseMountinfo(Buffer.from(table, 'latin1')).length).toBe(7)
  })
})

describe('the granule of time stamps', () => {
  test('a local file system has 10 ms', () => {
    expect(probeTimestampGranule(`${scratchFolder()}/`, 'ext4')).toBe(10_000_000n)
  })

  test.each(['nfs4', 'cifs', '9p', 'fuse.sshfs', 'fuseblk', 'virtiofs'])('%s has 2 s', fileSystem => {
    expect(probeTimestampGranule('/nowhere/', fileSystem)).toBe(2_000_000_000n)
  })

  test('whole seconds have 2 s, but one stamp on a full second is chance', () => {
    const folder = `${scratchFolder()}/`
    const whole = { mtimeNs: 7_000_000_000n, ctimeNs: 7_000_000_000n }
    expect(probeTimestampGranule(folder, 'vfat', () => whole)).toBe(2_000_000_000n)
    let calls = 0
    const chance = () => (calls++ === 0 ? whole : { mtimeNs: 7_000_000_001n, ctimeNs: 7_000_000_001n })
    expect(probeTimestampGranule(folder, 'ext4', chance)).toBe(10_000_000n)
  })
})

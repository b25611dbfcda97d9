import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../syncer/base/clock.ts'
import { inTree } from '../../../syncer/disk/disk.ts'
import { NameExchange } from '../../../syncer/disk/name-exchange.ts'
import { createNodeDisk } from '../../../syncer/disk/node-disk.ts'
import { initProgram } from '../../native/init-program.ts'

const files = 24
const sizeBytes = 16 * 1024
const name = (number: number) => `f${number}`

/** A disk of its own, that is full with some more than twice what is on it; undefined where this user may mount none. */
function smallDisk(): (Disposable & { folder: string }) | undefined {
  const folder = fs.mkdtempSync(join(tmpdir(), 'podswap-full-'))
  const remove = () => fs.rmSync(folder, { recursive: true })
  const size = `size=${2 * files * sizeBytes + 6 * sizeBytes}`
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', folder]).status !== 0) {
    remove()
    return undefined
  }
  return {
    folder,
    [Symbol.dispose]: () => {
      spawnSync('umount', [folder])
      remove()
    },
  }
}

test('case 53: many files in one native request on a disk that becomes full: each is whole, old or new', async context => {
  using small = smallDisk()
  context.skip(initProgram === null || small === undefined, 'no disk can be mounted here')
  const root = join(small!.folder, 'root')
  fs.mkdirSync(root)
  const old = Array.from({ length: files }, () => randomBytes(sizeBytes))
  for (const [i, bytes] of old.entries()) fs.writeFileSync(join(root, name(i)), bytes)
  const names = new NameExchange({ init: initProgram!, clock: systemClock, log: () => {} })
  const disk = createNodeDisk({ root, exchange: pairs => names.begin(pairs), place: names })
  try {
    await expect.poll(() => names.wholeBytesMax).toBeGreaterThan(0)
    fs.writeFileSync(join(small!.folder, 'filler'), Buffer.alloc(files * sizeBytes * 0.6))
    const fresh = Array.from({ length: files }, () => randomBytes(sizeBytes))
    const placings = fresh.map((bytes, i) => {
      const before = disk.stat(inTree(name(i)))!
      return { path: name(i), before, fresh: `stage-${i}`, kept: `trash-${i}`, bytes, mode: 0o644, mtimeMs: 1_000 }
    })
    const placed = disk.beginPlacing!(placings)!()
    const codes = placed.map(each => ('code' in each ? each.code : 'done'))
    // renameat2(2), openat2(2): not every kernel has them
    context.skip(
      codes.every(code => code === 'EINVAL' || code === 'ENOSYS'),
      'files are not placed here',
    )
    // On a busy machine the last ones may not be begun.
    expect(new Set(codes.filter(code => code !== 'EBUSY'))).toEqual(new Set(['done', 'ENOSPC']))
    for (const [i, code] of codes.entries()) {
      expect(fs.readFileSync(join(root, name(i)))).toEqual(code === 'done' ? fresh[i] : old[i])
    }
    const own = fs.readdirSync(join(root, '.podswap')).filter(each => !each.startsWith('.'))
    expect(own.sort()).toEqual(codes.flatMap((code, i) => (code === 'done' ? `trash-${i}` : [])).sort())
  } finally {
    disk.close()
    names.close()
  }
})

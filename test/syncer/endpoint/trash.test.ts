import { expect, test } from 'vitest'
import { fileToken } from '../../../syncer/core/content.ts'
import { contentHash } from '../../../syncer/core/content-sum.ts'
import { inOwn } from '../../../syncer/disk/disk.ts'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { Litter } from '../../../syncer/endpoint/litter.ts'
import { Trash, type TrashLimits } from '../../../syncer/endpoint/trash.ts'
import { ManualClock } from '../engine/pair.ts'

/** Files of 1,000 bytes are large ones. */
const grain = { smallBytesMax: 500, blockBytes: 100 }
const bytes = Buffer.alloc(1_000, 'x')
const token = fileToken(contentHash(bytes, grain), false)

function trashWith(limits: TrashLimits): { clock: ManualClock; disk: MemoryDisk; trash: Trash } {
  const clock = new ManualClock()
  const disk = new MemoryDisk({ clock })
  let ids = 0
  const trash = new Trash(disk, clock, new Litter(disk, clock), 'owner', () => `${ids++}`, limits, grain)
  trash.recover(() => false)
  trash.prune()
  return { clock, disk, trash }
}

test('a large file that is saved again and again takes no more room than the trash may have, and 15 s of it', () => {
  const { clock, disk, trash } = trashWith({ keepMs: 600_000, bytesMax: 10_000 })
  const taken = () => disk.listOwn().filter(name => disk.stat(inOwn(name))!.size === bytes.length).length
  let most = 0
  for (let saves = 0; saves < 200; saves++) {
    const name = trash.nameFor('big', token)
    const file = disk.create(name)
    file.write(bytes)
    file.close()
    trash.keep(name, 'big', token)
    clock.ms += 1_000
    while (trash.nextDue() <= clock.ms) trash.tick(clock.ms)
    most = Math.max(most, taken())
  }
  // Those of 15 s, as long again until the next look, and what fits.
  expect(most).toBeLessThan(45)
  clock.ms += 30_000
  while (trash.nextDue() <= clock.ms) trash.tick(clock.ms)
  expect(taken()).toBe(10)
})

test('what was written to since the last look is rescued, however full the trash is', () => {
  const { clock, disk, trash } = trashWith({ keepMs: 600_000, bytesMax: 1_500 })
  const trashed = (path: string) => {
    const name = trash.nameFor(path, token)
    const file = disk.create(name)
    file.write(bytes)
    trash.keep(name, path, token)
    return { name, file }
  }
  const rescued: string[] = []
  const tickUntil = (ms: number) => {
    while (clock.ms < ms) {
      clock.ms += 100
      while (trash.nextDue() <= clock.ms) {
        const rescue = trash.tick(clock.ms)
        if (rescue === undefined) continue
        rescued.push(rescue.path)
        disk.unlink(inOwn(rescue.name))
      }
    }
  }
  const start = clock.ms
  const { file } = trashed('page')
  tickUntil(start + 16_000)
  file.write(Buffer.from('late'))
  file.close()
  trashed('other').file.close()
  tickUntil(start + 61_000)
  expect(rescued).toEqual(['page'])
})

test('what is small stays for a minute, however full the trash is: a program may still write to it', () => {
  const { clock, disk, trash } = trashWith({ keepMs: 60_000, bytesMax: 100 })
  const small = Buffer.alloc(400, 'y')
  const name = trash.nameFor('page', fileToken(contentHash(small, grain), false))
  const file = disk.create(name)
  file.write(small)
  file.close()
  trash.keep(name, 'page', fileToken(contentHash(small, grain), false))
  const start = clock.ms
  const isThereAt = (ms: number) => {
    while (clock.ms < start + ms) {
      clock.ms += 1_000
      while (trash.nextDue() <= clock.ms) trash.tick(clock.ms)
    }
    return disk.listOwn().includes(name)
  }
  expect(isThereAt(59_000)).toBe(true)
  expect(isThereAt(80_000)).toBe(false)
})

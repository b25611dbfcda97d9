import type { Inode } from './memory-inode.ts'
import type { MemoryVolume } from './memory-volume.ts'

/**
 * A power cut: what was neither synced nor written back in time may be gone. Names are taken back newest first, as
 * many as `choose` says (a journal keeps their order); the content of each file may be what it was when it was last
 * written back, or empty where it was new or truncated, whatever its name says (a rename without fsync). Nothing is
 * mounted any more.
 *
 * @param choose returns a whole number from 0 to its argument (inclusive)
 */
export function cutPower(volume: MemoryVolume, choose: (max: number) => number): void {
  const changes = volume.nameChanges.splice(0).filter(change => !volume.writtenBack(change.atMs))
  const chosen = choose(changes.length)
  const isCutInTwo = chosen > 0 && chosen < changes.length && changes[chosen]!.otherHalf === changes[chosen - 1]
  const keep = isCutInTwo ? chosen - 1 : chosen
  const touched = new Set<Inode>()
  for (let i = changes.length - 1; i >= keep; i--) {
    const { dir, name, before } = changes[i]!
    const now = dir.entries!.get(name)
    if (now !== undefined) now.links--
    if (before === undefined) dir.entries!.delete(name)
    else {
      dir.entries!.set(name, before)
      before.links++
    }
    if (now !== undefined) touched.add(now)
  }
  for (const inode of allInodes(volume)) {
    restoreBytes(volume, inode, choose)
    inode.mount = false
  }
}

function restoreBytes(volume: MemoryVolume, inode: Inode, choose: (max: number) => number): void {
  const { unsynced } = inode
  inode.unsynced = undefined
  if (unsynced === undefined || inode.kind !== 'file' || volume.writtenBack(unsynced.sinceMs)) return
  const old = unsynced.bytes ?? Buffer.alloc(0)
  const appended = unsynced.bytes !== undefined && inode.bytes.subarray(0, old.length).equals(old)
  const fate = choose(2)
  if (fate === 0) inode.bytes = old
  else if (fate === 1 && !appended) inode.bytes = Buffer.alloc(0)
}

function allInodes(volume: MemoryVolume): Set<Inode> {
  const seen = new Set<Inode>()
  const visit = (inode: Inode) => {
    if (seen.has(inode)) return
    seen.add(inode)
    for (const entry of inode.entries?.values() ?? []) visit(entry)
  }
  visit(volume.tree)
  visit(volume.own)
  return seen
}

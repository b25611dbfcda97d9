import { closeSync, mkdirSync, openSync, rmSync, symlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { errnoOf } from '../../syncer/base/errors.ts'
import { type Disk, inOwn } from '../../syncer/disk/disk.ts'
import type { Restored } from '../../syncer/endpoint/restore.ts'
import type { TrashedFile } from '../../syncer/endpoint/trash-list.ts'

/** `exists`: something is at the target, which is in no folder with a trash. */
export type CopiedOut = Restored | { result: 'exists' }

const partBytes = 4 * 1024 * 1024

/** Copies what is in the trash to an absolute path outside of its folder, where nothing may be. */
export function copyOut(disk: Disk, { name, kind, mode }: TrashedFile, target: string): CopiedOut {
  try {
    mkdirSync(dirname(target), { recursive: true })
    if (kind === 'link') symlinkSync(disk.readlink(inOwn(name)), target)
    else copyFile(disk, name, target, mode & 0o777)
    return { result: 'restored', replaced: false }
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'EEXIST' ? { result: 'exists' } : { result: 'failed', code }
  }
}

function copyFile(disk: Disk, name: string, target: string, mode: number): void {
  const from = disk.open(inOwn(name))
  try {
    const to = openSync(target, 'wx', mode)
    try {
      for (let offset = 0; ; ) {
        const bytes = from.read(offset, partBytes)
        if (bytes.length === 0) break
        for (let done = 0; done < bytes.length; ) done += writeSync(to, bytes, done)
        offset += bytes.length
      }
    } catch (error) {
      rmSync(target, { force: true })
      throw error
    } finally {
      closeSync(to)
    }
  } finally {
    from.close()
  }
}

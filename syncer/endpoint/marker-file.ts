import { errnoOf } from '../base/errors.ts'
import { type Disk, inOwn } from '../disk/disk.ts'
import type { Marker } from '../wire/contact-message.ts'

const name = 'marker'
const bytesMax = 1024

/** The identity of the pod's copy of a folder, beside the folder's own private files so that it dies with them. */
export class MarkerFile {
  private readonly disk: Disk

  constructor(disk: Disk) {
    this.disk = disk
  }

  /**
   * null where there is none, or none that a pod of ours wrote. Throws what the system says where it cannot be read:
   * that must not look like another copy of the folder.
   */
  read(): Marker | null {
    try {
      const file = this.disk.open(inOwn(name))
      try {
        return parse(file.read(0, bytesMax).toString())
      } finally {
        file.close()
      }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      return null
    }
  }

  /** Durable when it returns; a crash leaves the old one or the new one. */
  write(marker: Marker): void {
    const temp = `${name}-new`
    try {
      this.disk.unlink(inOwn(temp))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
    const file = this.disk.create(temp)
    file.write(Buffer.from(JSON.stringify({ ...marker, role: 'pod' })))
    file.finish({ mode: 0o600, mtimeMs: 0 })
    this.disk.sync(inOwn(temp))
    this.disk.rename(inOwn(temp), inOwn(name))
  }
}

function parse(text: string): Marker | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    const { id, epoch, role } = value as Record<string, unknown>
    if (role !== 'pod' || typeof id !== 'string' || !/^[0-9a-z-]{1,64}$/.test(id)) return null
    return Number.isSafeInteger(epoch) ? { id, epoch: epoch as number } : null
  } catch {
    return null
  }
}

import { getSystemErrorName } from 'node:util'
import type { NativePath } from './native-path.ts'
import { systemError } from './system-error.ts'
import type { OpenWatch } from './watch-settings.ts'

/** A watch of one folder, not of what is in its folders. */
export interface FolderWatch {
  close(): void
}

/** Whose a {@link FolderWatch} is: one object for each, for there may be many thousands. */
export interface WatchOwner {
  changed(watch: FolderWatch, kind: string, name: string | Buffer | null): void
  failed(watch: FolderWatch): void
}

/** Throws what `fs.watch` throws: ENOENT, EACCES, and ENOSPC or EMFILE where the system grants no more watches. */
export type OpenFolderWatch = (place: NativePath, owner: WatchOwner) => FolderWatch

/** By `fs.watch`, or what stands for it. */
export function watchBy(openWatch: OpenWatch): OpenFolderWatch {
  return (place, owner) => {
    const watch = openWatch(place, { recursive: false })
    watch.on('change', (kind, name) => owner.changed(watch, kind, name))
    watch.on('error', () => owner.failed(watch))
    return watch
  }
}

/** What is below `fs.watch`, on each Node so far (`lib/internal/fs/watchers.js`). */
interface FsEvent {
  /** @returns 0, or a negative errno */
  start(place: NativePath, persistent: boolean, recursive: boolean, encoding: 'utf8'): number
  close(): void
}

/**
 * Node's own handle, without the emitter around it, which takes 700 bytes for each folder and the time to collect them.
 * Undefined where this Node does not hand it out: it is no documented part of it (DEP0111).
 */
export function leanWatch(): OpenFolderWatch | undefined {
  const FsEvent = findFsEvent()
  if (FsEvent === undefined) return undefined
  class LeanWatch extends FsEvent implements FolderWatch {
    declare owner: WatchOwner

    /** Called by Node. */
    onchange(status: number, kind: string, name: string | null): void {
      if (status < 0) this.owner.failed(this)
      else this.owner.changed(this, kind, name)
    }
  }
  return (place, owner) => {
    const watch = new LeanWatch()
    watch.owner = owner
    const status = watch.start(place, false, false, 'utf8')
    if (status !== 0) throw systemError(getSystemErrorName(status), `cannot watch ${place}`)
    return watch
  }
}

function findFsEvent(): (new () => FsEvent) | undefined {
  try {
    const { binding } = process as { binding?: (name: string) => { FSEvent?: new () => FsEvent } }
    const found = binding?.call(process, 'fs_event_wrap').FSEvent
    const { start, close } = (found?.prototype ?? {}) as Partial<FsEvent>
    return typeof start === 'function' && typeof close === 'function' ? found : undefined
  } catch {
    return undefined
  }
}

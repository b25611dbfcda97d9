import fs from 'node:fs'
import { leanWatch, watchBy } from './folder-watch.ts'
import type { NativePath } from './native-path.ts'
import { FolderWatcher } from './node-watcher-folders.ts'
import { RecursiveWatcher } from './node-watcher-recursive.ts'
import type { OpenWatch } from './watch-settings.ts'
import { pollIntervalMs, type WatchEvents, type Watcher } from './watcher.ts'

export interface NodeWatcherOptions {
  /** Absolute real path of the folder. */
  root: string
  events: WatchEvents
  platform?: NodeJS.Platform
  /** While something cannot be watched, `overflow('limit')` asks for a sweep this often. */
  pollIntervalMs?: number
  /** Events the kernel keeps for us before it drops some; Linux: `fs.inotify.max_queued_events`. */
  queueLengthMax?: number
  openWatch?: OpenWatch
}

/**
 * Linux: one watch for each announced folder. Elsewhere: the system's own recursive watch of the root, where announcing
 * folders does nothing.
 */
export function createNodeWatcher(options: NodeWatcherOptions): Watcher {
  const { root, events } = options
  const watch = { root, events, pollIntervalMs: options.pollIntervalMs ?? pollIntervalMs }
  if ((options.platform ?? process.platform) !== 'linux') {
    return new RecursiveWatcher({ ...watch, openWatch: options.openWatch ?? openWatch })
  }
  return new FolderWatcher({
    ...watch,
    openWatch: options.openWatch === undefined ? (leanWatch() ?? watchBy(openWatch)) : watchBy(options.openWatch),
    queueLengthMax: options.queueLengthMax ?? readQueueLengthMax(),
  })
}

function openWatch(path: NativePath, options: { recursive: boolean }): fs.FSWatcher {
  return fs.watch(path, { persistent: false, recursive: options.recursive })
}

function readQueueLengthMax(): number {
  const kernelDefault = 16_384
  try {
    return Number.parseInt(fs.readFileSync('/proc/sys/fs/inotify/max_queued_events', 'latin1'), 10) || kernelDefault
  } catch {
    return kernelDefault
  }
}

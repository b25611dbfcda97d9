import type fs from 'node:fs'
import type { NativePath } from './native-path.ts'
import type { WatchEvents } from './watcher.ts'

/** `fs.watch`; throws ENOSPC or EMFILE where the system grants no more watches. */
export type OpenWatch = (path: NativePath, options: { recursive: boolean }) => fs.FSWatcher

/** What both kinds of watcher need. */
export interface WatchSettings {
  root: string
  events: WatchEvents
  pollIntervalMs: number
  openWatch: OpenWatch
}

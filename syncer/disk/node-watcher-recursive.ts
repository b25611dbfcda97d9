import path from 'node:path'
import { nameOf, parentOf } from '../core/path.ts'
import { nativePath } from './native-path.ts'
import type { WatchSettings } from './watch-settings.ts'
import type { Watcher } from './watcher.ts'

/** One recursive watch of the root (FSEvents, ReadDirectoryChangesW). */
export class RecursiveWatcher implements Watcher {
  readonly #settings: WatchSettings
  readonly #retry: NodeJS.Timeout
  #watch: { close(): void } | undefined

  constructor(settings: WatchSettings) {
    this.#settings = settings
    this.#open()
    this.#retry = setInterval(() => {
      if (this.#watch !== undefined) return
      this.#open()
      settings.events.overflow('error')
    }, settings.pollIntervalMs)
    this.#retry.unref()
  }

  watch(): void {}

  unwatch(): void {}

  close(): void {
    clearInterval(this.#retry)
    this.#lose()
  }

  #open(): void {
    const { root, events, openWatch } = this.#settings
    try {
      const watch = openWatch(nativePath(root), { recursive: true })
      this.#watch = watch
      watch.on('change', (kind, name) => this.#tell(kind, name))
      watch.on('error', () => {
        this.#lose()
        events.overflow('error')
      })
    } catch {
      // The folder is gone or the system refuses: the timer tries again and asks for sweeps.
      this.#lose()
    }
  }

  #lose(): void {
    this.#watch?.close()
    this.#watch = undefined
  }

  #tell(kind: string, name: string | Buffer | null): void {
    const { events } = this.#settings
    const asKind = kind === 'change' ? 'change' : 'rename'
    if (typeof name !== 'string' || name === '' || name.includes('\uFFFD')) {
      events.changed('', null, asKind)
    } else {
      const inside = path.sep === '/' ? name : name.replaceAll(path.sep, '/')
      events.changed(parentOf(inside), nameOf(inside), asKind)
    }
  }
}

import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import { joinPath, nameOf, type Path, parentOf } from '../core/path.ts'
import type { FolderWatch, OpenFolderWatch, WatchOwner } from './folder-watch.ts'
import { nativePath } from './native-path.ts'
import { systemError } from './system-error.ts'
import type { WatchSettings } from './watch-settings.ts'
import type { Watcher } from './watcher.ts'

type Told = (node: Watched, kind: string, name: string | Buffer | null) => void

interface WatchEnds {
  changed: Told
  failed(node: Watched): void
}

/** A folder that was announced, or one on the way to such a folder. */
class Watched implements WatchOwner {
  path: Path
  /** The engine wants to hear of it. */
  announced = false
  /** Absent while the system grants no watch. */
  handle: FolderWatch | undefined = undefined
  /** Inode that the handle watches. */
  ino = 0
  below: Map<string, Watched> | undefined = undefined
  private readonly ends: WatchEnds

  constructor(path: Path, ends: WatchEnds) {
    this.path = path
    this.ends = ends
  }

  changed(_watch: FolderWatch, kind: string, name: string | Buffer | null): void {
    this.ends.changed(this, kind, name)
  }

  failed(watch: FolderWatch): void {
    if (this.handle === watch) this.ends.failed(this)
  }
}

interface FolderWatchSettings extends Omit<WatchSettings, 'openWatch'> {
  openWatch: OpenFolderWatch
  queueLengthMax: number
}

/**
 * One inotify watch for each announced folder. A handle follows its inode, not its name: whenever a folder's entry in
 * its parent changes, its handle is opened anew, and those below it too if another folder took its place.
 *
 * Neither Node nor libuv tells when the kernel's queue ran over. But libuv reads the queue until it is empty before it
 * lets anything else run, so a queue that was full shows as a long run of events in one turn of the loop.
 */
export class FolderWatcher implements Watcher {
  readonly #settings: FolderWatchSettings
  readonly #ends: WatchEnds = {
    changed: (node, kind, name) => this.#changed(node, kind, name),
    failed: node => this.#failed(node),
  }
  readonly #top = new Watched('', this.#ends)
  /** Announced folders without a handle. */
  readonly #unwatched = new Set<Watched>()
  #poll: NodeJS.Timeout | undefined
  /** The limit that was told and holds. */
  #limit: 'ENOSPC' | 'EMFILE' | undefined
  #eventsInTurn = 0
  #closed = false

  constructor(settings: FolderWatchSettings) {
    this.#settings = settings
  }

  watch(dir: Path, standsAt = dir): void {
    if (this.#closed) return
    let node = this.#top
    if (dir !== '') for (const name of dir.split('/')) node = this.#below(node, name)
    if (node.announced) return
    // the engine's own text: one of the two is enough
    node.path = dir
    node.announced = true
    this.#open(node, standsAt)
  }

  unwatch(dir: Path): void {
    const node = this.#find(dir)
    if (node === undefined) return
    this.#drop(node)
    if (dir !== '') this.#find(parentOf(dir))?.below?.delete(nameOf(dir))
  }

  close(): void {
    this.#closed = true
    this.#drop(this.#top)
    clearInterval(this.#poll)
  }

  /** Opens the handle of an announced folder; one that is gone is no longer announced. */
  #open(node: Watched, standsAt = node.path): void {
    const place = nativePath(standsAt === '' ? this.#settings.root : `${this.#settings.root}/${standsAt}`)
    try {
      const stat = fs.lstatSync(place)
      if (!stat.isDirectory()) throw systemError('ENOTDIR', 'not a folder any more')
      node.ino = stat.ino
      node.handle = this.#settings.openWatch(place, node)
      this.#unwatched.delete(node)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      // Gone, or not ours to read: the engine finds that out when it reads the folder itself.
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') this.#giveUp(node)
      else {
        this.#wait(node)
        if (code === 'ENOSPC' || code === 'EMFILE') this.#limited(code)
      }
    }
  }

  #failed(node: Watched): void {
    this.#closeHandle(node)
    this.#wait(node)
    this.#settings.events.overflow('error')
  }

  #giveUp(node: Watched): void {
    node.announced = false
    this.#unwatched.delete(node)
  }

  /** Keeps what is watched, and has all folders swept again and again until the rest can be watched too. */
  #wait(node: Watched): void {
    this.#unwatched.add(node)
    if (this.#poll === undefined) {
      // Not from within `watch`: the engine is in the middle of a scan.
      setImmediate(() => {
        if (!this.#closed) this.#settings.events.overflow('limit')
      })
      this.#poll = setInterval(() => this.#retry(), this.#settings.pollIntervalMs)
      this.#poll.unref()
    }
  }

  /** Not from within `watch` either. */
  #limited(code: 'ENOSPC' | 'EMFILE'): void {
    if (this.#limit !== undefined) return
    this.#limit = code
    setImmediate(() => {
      if (!this.#closed) this.#settings.events.limited?.(code)
    })
  }

  #retry(): void {
    for (const node of [...this.#unwatched]) {
      this.#open(node)
      if (this.#unwatched.has(node)) break
    }
    if (this.#unwatched.size === 0) {
      clearInterval(this.#poll)
      this.#poll = undefined
      if (this.#limit !== undefined) this.#settings.events.limited?.(null)
      this.#limit = undefined
    }
    this.#settings.events.overflow('limit')
  }

  #changed(node: Watched, kind: string, name: string | Buffer | null): void {
    if (this.#closed || node.handle === undefined) return
    this.#count()
    const { events } = this.#settings
    if (kind === 'change') {
      events.changed(node.path, plainName(name), 'change')
    } else if (node === this.#top && name === nameOf(this.#settings.root)) {
      // An event about the folder itself carries the folder's own name; the root has no parent to tell of it.
      this.#checkAgain(node)
      events.changed('', null, 'rename')
    } else {
      const plain = plainName(name)
      for (const child of childrenNamed(node, plain)) this.#checkAgain(child)
      events.changed(node.path, plain, 'rename')
    }
  }

  /** Something with the folder's name was made, moved or removed. */
  #checkAgain(node: Watched): void {
    const { ino, handle } = node
    node.handle = undefined
    if (node.announced) this.#open(node)
    // The new handle came first: where both are of one inode nothing is missed between them.
    handle?.close()
    const isGone = handle !== undefined && !node.announced
    if (isGone) {
      this.unwatch(node.path)
      return
    }
    // The same inode: those below lost their handles one by one, if they went. Another: they came along unnoticed.
    if (handle === undefined || node.ino !== ino) {
      for (const child of [...(node.below?.values() ?? [])]) this.#checkAgain(child)
    }
    if (node.announced) this.#settings.events.changed(node.path, null, 'rename')
  }

  #count(): void {
    if (this.#eventsInTurn === 0) {
      setImmediate(() => {
        const overflowed = this.#eventsInTurn >= this.#settings.queueLengthMax / 2
        this.#eventsInTurn = 0
        if (overflowed && !this.#closed) this.#settings.events.overflow('queue')
      })
    }
    this.#eventsInTurn++
  }

  #below(node: Watched, name: string): Watched {
    node.below ??= new Map()
    let child = node.below.get(name)
    if (child === undefined) {
      child = new Watched(joinPath(node.path, name), this.#ends)
      node.below.set(name, child)
    }
    return child
  }

  #find(dir: Path): Watched | undefined {
    let node: Watched | undefined = this.#top
    if (dir !== '') for (const name of dir.split('/')) node = node?.below?.get(name)
    return node
  }

  #drop(node: Watched): void {
    this.#closeHandle(node)
    this.#giveUp(node)
    for (const child of node.below?.values() ?? []) this.#drop(child)
    node.below = undefined
  }

  #closeHandle(node: Watched): void {
    node.handle?.close()
    node.handle = undefined
  }
}

/** Bytes that are not UTF-8 arrive as U+FFFD: the folder must be read to know the name. */
function plainName(name: string | Buffer | null): string | null {
  return typeof name === 'string' && !name.includes('\uFFFD') ? name : null
}

/** @param name as {@link plainName} gives it; null: any name that cannot be told from the event */
function childrenNamed(node: Watched, name: string | null): Watched[] {
  if (name === null) return [...(node.below?.values() ?? [])].filter(child => /\uFFFD|\p{Surrogate}/u.test(child.path))
  const child = node.below?.get(name)
  return child === undefined ? [] : [child]
}

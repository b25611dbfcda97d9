import { errnoOf, unlessRefused } from '../base/errors.ts'
import { absent, folder } from '../core/content.ts'
import { isTooLong, joinPath, type Path } from '../core/path.ts'
import { inTree, type ListedStat, type Stat } from '../disk/disk.ts'
import type { Look } from './look.ts'
import type { IgnoreRules, Replica } from './replica.ts'
import type { Entry } from './tree.ts'

/** What a folder held when its names were asked of the rules. */
export interface KnownNames {
  names: readonly string[]
  /** Of these: folders that are no mounts. */
  folders: ReadonlySet<string>
  /** Paths of what the rules may leave out; everything else that was judged travels, as long as it is of that kind. */
  passedBy: ReadonlySet<Path>
}

export interface ScanEvents {
  /** A folder is about to be read: watch it first, so that nothing falls between. */
  folder(path: Path): void
  /** What the folder is known to hold since it is watched, and what of it need not be asked of the rules. */
  known?(path: Path): KnownNames | undefined
  /** What the folder holds. */
  listed(path: Path, listed: ListedStat[]): void
  /** Everything directly in the folder is known. */
  read(entry: Entry): void
  /** A folder that was known and is not read, in one that was read alone. */
  passed?(entry: Entry): void
  /** What stands there was learnt anew, or vanished; `before` is what was known of a file. */
  looked(entry: Entry, path: Path, before?: Stat | null): void
  /** It is being written, or a large file is still being hashed: look again soon. */
  busy(entry: Entry): void
  /** It cannot travel; `''` where it can again. */
  barred(path: Path, code: string, stat?: Stat): void
}

interface Reading {
  entry: Entry
  path: Path
  deep: boolean
  listed: ListedStat[]
  at: number
  known: KnownNames | undefined
  seen: Set<string>
  /** Something in it has a path that no message can name. */
  tooLong: boolean
}

/**
 * Reads folders, each in small steps, so that a tree of any size never holds up a message. A deep read goes into every
 * folder below; a shallow one only into folders that it did not know.
 */
export class Scanner {
  private readonly replica: Replica
  private readonly events: ScanEvents
  private readonly rules: () => IgnoreRules
  private readonly readsLater: () => boolean
  private readonly waiting = new Map<Entry, boolean>()
  /** Of a first read, last to be read first: what is below a folder comes before what is beside it. */
  private readonly first: Entry[] = []
  private reading: Reading | undefined
  /** Milliseconds spent in reading since the start; how often all is read again follows from it. */
  spentMs = 0

  /** @param readsLater whether files of which nothing is known need no reading before they are offered */
  constructor(replica: Replica, rules: () => IgnoreRules, events: ScanEvents, readsLater = () => false) {
    this.replica = replica
    this.rules = rules
    this.events = events
    this.readsLater = readsLater
  }

  get idle(): boolean {
    return this.reading === undefined && this.waiting.size === 0
  }

  /** It is to be read, or being read. */
  has(entry: Entry): boolean {
    return this.waiting.has(entry) || this.reading?.entry === entry
  }

  /** Wants a folder read; with `deep` everything below it too. */
  add(entry: Entry, deep: boolean): void {
    if (this.readsLater() && !this.waiting.has(entry)) this.first.push(entry)
    this.waiting.set(entry, deep || this.waiting.get(entry) === true)
  }

  /** Works until everything is read or `isOver` says so. @returns whether everything is read */
  step(isOver: () => boolean): boolean {
    const started = this.replica.clock.monotonic()
    while (!this.idle && !isOver()) this.advance()
    this.spentMs += this.replica.clock.monotonic() - started
    return this.idle
  }

  private advance(): void {
    const reading = this.reading
    if (reading === undefined) {
      this.next()
      return
    }
    const listed = reading.listed[reading.at++]
    if (listed === undefined) {
      this.reading = undefined
      this.finish(reading)
      return
    }
    this.visit(reading, listed)
  }

  private next(): void {
    const entry = this.takeNext()
    if (entry === undefined) return
    const deep = this.waiting.get(entry) === true
    this.waiting.delete(entry)
    const path = entry.folderPath
    this.events.folder(path)
    try {
      const known = this.events.known?.(path)
      const listed = this.replica.disk.listStats(path, known?.names)
      this.events.listed(path, listed)
      this.reading = { entry, path, deep, listed, at: 0, known, seen: new Set(), tooLong: false }
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      // A folder that may not be read hides its content; it does not mean that the content is gone.
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') this.vanished(entry, path)
      else this.events.barred(path, code, unlessRefused(null, () => this.replica.disk.stat(inTree(path))) ?? undefined)
    }
  }

  private takeNext(): Entry | undefined {
    for (let entry = this.first.pop(); entry !== undefined; entry = this.first.pop()) {
      if (this.waiting.has(entry)) return entry
    }
    return this.waiting.keys().next().value
  }

  private visit(reading: Reading, listed: ListedStat): void {
    const path = joinPath(reading.path, listed.name)
    const isDir = listed.kind === 'dir'
    if (mayBeLeftOut(reading.known, path, listed) && this.rules().ignored(path, isDir)) return
    if (isTooLong(path)) {
      reading.tooLong = true
      return
    }
    if (listed.mount || listed.kind === 'other') {
      this.events.barred(path, listed.mount ? 'mount-point' : 'unsupported-type')
      reading.seen.add(listed.name)
      return
    }
    reading.seen.add(listed.name)
    const isNew = reading.entry.children?.get(listed.name) === undefined
    const entry = this.replica.tree.child(reading.entry, listed.name)
    // Nearly all of a sweep is as it was: that needs no stat beside the one that was listed.
    const before = entry.isKey(listed) ? listed : entry.key
    // Another folder under its name is a new one.
    const wasFolder = isDir && entry.current === folder && !isNew && before?.ino === listed.ino
    const look = this.lookAt(entry, path, listed)
    if (look.state === 'busy') this.events.busy(entry)
    else if (look.state === 'barred') this.events.barred(path, look.code, look.stat)
    else this.events.looked(entry, path, before)
    if (isDir && !wasFolder) this.adopt(entry)
    if (!isDir) return
    if (reading.deep || !wasFolder) this.add(entry, true)
    else this.events.passed?.(entry)
  }

  /** A folder that is new here; it must be read deep afterwards. */
  adopt(entry: Entry): void {
    const rules = this.rules()
    this.replica.renamed.adopt(entry, (path, isDir) => rules.ignored(path, isDir))
  }

  private lookAt(entry: Entry, path: Path, listed: ListedStat): Look {
    const { looker } = this.replica
    if (listed.kind !== 'file' || !this.readsLater()) return looker.lookFrom(entry, path, listed)
    const isUnknown = entry.current === absent && entry.agreed === absent && entry.sent === undefined
    if (!isUnknown) return looker.lookFrom(entry, path, listed)
    looker.note(entry, listed)
    return { state: 'known', token: entry.current }
  }

  private finish(reading: Reading): void {
    this.events.barred(reading.path, reading.tooLong ? 'ENAMETOOLONG' : '')
    this.events.read(reading.entry)
    if (reading.entry.children === null) return
    for (const [name, child] of reading.entry.children) {
      if (!reading.seen.has(name)) this.vanished(child, joinPath(reading.path, name))
    }
  }

  /** The listing no longer has it; a look decides, because it may be back. */
  private vanished(entry: Entry, path: Path): void {
    if (entry.parent === null) {
      this.events.barred('', 'root-missing')
      return
    }
    if (this.rules().ignored(path, entry.current === folder)) return
    const look = this.replica.looker.look(entry, path)
    if (look.state === 'busy') this.events.busy(entry)
    if (look.state !== 'known') return
    this.events.looked(entry, path)
    if (look.token === folder) this.add(entry, false)
    else this.forgetBelow(entry)
  }

  /** Everything below a folder that is gone is gone. */
  private forgetBelow(entry: Entry): void {
    for (const below of [...this.replica.tree.walk(entry)]) {
      if (below === entry) continue
      this.replica.looker.forget(below)
      below.current = absent
      below.key = null
      below.shadow = false
      this.events.looked(below, below.path)
    }
  }
}

/** Rules are of names and kinds: another kind that has the name by now is another question, and nobody asked about mounts. */
function mayBeLeftOut(known: KnownNames | undefined, path: Path, { name, kind, mount }: ListedStat): boolean {
  if (known === undefined || mount || known.folders.has(name) !== (kind === 'dir')) return true
  return known.passedBy.has(path)
}

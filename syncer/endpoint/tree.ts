import { absent, type Token } from '../core/content.ts'
import { joinPath, type Path } from '../core/path.ts'
import type { Stat } from '../disk/disk.ts'
import { noRow, StatColumns } from './stat-columns.ts'

/** What one end knows about one path. Entries form a tree by name, so that a folder's children need no search. */
export class Entry {
  readonly name: string
  readonly parent: Entry | null
  children: Map<string, Entry> | null = null

  /** What stood here at the last look; valid while the disk still shows {@link Entry.key}. */
  current: Token = absent
  /** The look came so soon after a change that a later one might show the same time stamps: read once more. */
  racy = false
  /** A folder that stays only because ignored things lie in it: to the other end it is gone. */
  shadow = false

  /** What both ends last agreed on: the ancestor at the laptop, the base at the pod. */
  agreed: Token = absent
  /** Laptop: content that was sent and not answered; durable before it is sent. */
  sent: Token | undefined = undefined

  private ownPath: Path | undefined = undefined
  private readonly stats: StatColumns
  private row = noRow

  constructor(name: string, parent: Entry | null) {
    this.name = name
    this.parent = parent
    this.stats = parent === null ? new StatColumns() : parent.stats
  }

  /** The stat of that look; made anew each time it is asked for. */
  get key(): Stat | null {
    return this.row === noRow ? null : this.stats.get(this.row)
  }

  set key(stat: Stat | null) {
    if (stat !== null) this.row = this.stats.put(this.row, stat)
    else if (this.row !== noRow) {
      this.stats.drop(this.row)
      this.row = noRow
    }
  }

  get hasKey(): boolean {
    return this.row !== noRow
  }

  /** The disk shows what it showed at the last look. */
  isKey(stat: Stat): boolean {
    return this.row !== noRow && this.stats.isSame(this.row, stat)
  }

  /** Modification time at the last look, whole ms of the wall clock; 0 without one. */
  get mtimeMs(): number {
    return this.row === noRow ? 0 : this.stats.mtimeMsOf(this.row)
  }

  /** Bytes at the last look; 0 without one. */
  get size(): number {
    return this.row === noRow ? 0 : this.stats.sizeOf(this.row)
  }

  get path(): Path {
    return this.parent === null ? '' : joinPath(this.parent.folderPath, this.name)
  }

  /** The path of what is a folder: kept, because that of everything in it begins with it. */
  get folderPath(): Path {
    this.ownPath ??= ownText(this.path)
    return this.ownPath
  }
}

export class Tree {
  readonly root = new Entry('', null)
  private count = 0

  /** Number of entries, the root not counted. */
  get size(): number {
    return this.count
  }

  find(path: Path): Entry | undefined {
    if (path === '') return this.root
    let at: Entry | undefined = this.root
    for (const name of path.split('/')) {
      at = at.children?.get(name)
      if (at === undefined) return undefined
    }
    return at
  }

  /** The entry for a path, made with its parents where it is missing. */
  ensure(path: Path): Entry {
    if (path === '') return this.root
    let at: Entry = this.root
    for (const name of path.split('/')) at = this.child(at, name)
    return at
  }

  child(parent: Entry, name: string): Entry {
    const known = parent.children?.get(name)
    if (known !== undefined) return known
    parent.children ??= new Map()
    const ownName = ownText(name)
    const made = new Entry(ownName, parent)
    parent.children.set(ownName, made)
    this.count += 1
    return made
  }

  /** Drops entries that say nothing, from this one upwards. */
  prune(entry: Entry, inUse: (entry: Entry) => boolean): void {
    for (let at: Entry | null = entry; at !== null && at.parent !== null; at = at.parent) {
      if (at.children !== null && at.children.size > 0) return
      if (at.current !== absent || at.agreed !== absent || at.sent !== undefined || at.shadow || inUse(at)) return
      at.parent.children?.delete(at.name)
      at.key = null
      this.count -= 1
    }
  }

  /** Every entry below `from`, parents first; safe against removal of what was already visited. */
  *walk(from: Entry = this.root): Generator<Entry> {
    const stack: Entry[] = [from]
    while (stack.length > 0) {
      const entry = stack.pop()!
      if (entry !== this.root) yield entry
      if (entry.children !== null) for (const child of entry.children.values()) stack.push(child)
    }
  }
}

/**
 * The same text, cut loose. V8 keeps a part of a string as a view of the whole, and what was put together as a chain of
 * its parts: of a hundred thousand names and paths that is more than everything else that is known about them.
 */
function ownText(text: string): string {
  if (text.length < viewedLengthMin) return text
  const encoding = /^[\0-\x7f]*$/.test(text) ? 'latin1' : 'utf16le'
  return Buffer.from(text, encoding).toString(encoding)
}

/** Shorter ones are copied anyway (V8's `SlicedString::kMinLength`, `ConsString::kMinLength`). */
const viewedLengthMin = 13

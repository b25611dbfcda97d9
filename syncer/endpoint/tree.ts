import { absent, isFile, type Token, unreadFile } from '../core/content.ts'
import { joinPath, type Path } from '../core/path.ts'
import type { Stat } from '../disk/disk.ts'
import { noRow, StatColumns } from './stat-columns.ts'

/** What all entries of a tree have in common. */
class Shared {
  readonly stats = new StatColumns()
  /** {@link Entry.sent} of those that have one: few at a time. */
  readonly sent = new Map<Entry, Token>()
}

const racyBit = 1
const shadowBit = 2
const sentBit = 4
const rowShift = 3

/**
 * What one end knows about one path. Entries form a tree by name, so that a folder's children need no search. There may be
 * some 100,000 of them, so each field counts.
 */
export class Entry {
  readonly name: string
  readonly parent: Entry | null
  children: Map<string, Entry> | null = null

  /** Null: it lies in the columns. */
  private now: Token | null = absent
  /** Likewise. */
  private base: Token | null = absent
  private ownPath: Path | undefined = undefined
  private readonly shared: Shared
  /** The flags above, and from {@link rowShift} on one more than the row. */
  private bits = 0

  constructor(name: string, parent: Entry | null) {
    this.name = name
    this.parent = parent
    this.shared = parent === null ? new Shared() : parent.shared
  }

  /** What stood here at the last look; valid while the disk still shows {@link Entry.key}. */
  get current(): Token {
    return this.now ?? this.folded
  }

  set current(token: Token) {
    this.now = token
  }

  /** What both ends last agreed on: the ancestor at the laptop, the base at the pod. */
  get agreed(): Token {
    return this.base ?? this.folded
  }

  set agreed(token: Token) {
    this.base = token
  }

  /** What stands here is what both agreed on. */
  get isAgreed(): boolean {
    return this.now === this.base || this.current === this.agreed
  }

  /** The look came so soon after a change that a later one might show the same time stamps: read once more. */
  get racy(): boolean {
    return (this.bits & racyBit) !== 0
  }

  set racy(is: boolean) {
    this.bits = is ? this.bits | racyBit : this.bits & ~racyBit
  }

  /** A folder that stays only because ignored things lie in it: to the other end it is gone. */
  get shadow(): boolean {
    return (this.bits & shadowBit) !== 0
  }

  set shadow(is: boolean) {
    this.bits = is ? this.bits | shadowBit : this.bits & ~shadowBit
  }

  /** Laptop: content that was sent and not answered; durable before it is sent. */
  get sent(): Token | undefined {
    return (this.bits & sentBit) === 0 ? undefined : this.shared.sent.get(this)
  }

  set sent(token: Token | undefined) {
    if (token !== undefined) {
      this.bits |= sentBit
      this.shared.sent.set(this, token)
    } else if ((this.bits & sentBit) !== 0) {
      this.bits &= ~sentBit
      this.shared.sent.delete(this)
    }
  }

  /** Puts what both ends agree stands here into columns, where it takes half as much; asked for, it is made anew each time. */
  fold(): void {
    if (this.now === null || this.row === noRow || this.now !== this.agreed) return
    if (!isFile(this.now) || this.now === unreadFile) return
    this.stats.putToken(this.row, this.now)
    this.now = null
    this.base = null
  }

  private unfold(): void {
    this.now ??= this.folded
    this.base ??= this.folded
  }

  private get folded(): Token {
    return this.stats.tokenOf(this.row)
  }

  private get stats(): StatColumns {
    return this.shared.stats
  }

  private get row(): number {
    return (this.bits >>> rowShift) - 1
  }

  private set row(row: number) {
    this.bits = ((row + 1) << rowShift) | (this.bits & ((1 << rowShift) - 1))
  }

  /** The stat of that look; made anew each time it is asked for. */
  get key(): Stat | null {
    return this.row === noRow ? null : this.stats.get(this.row)
  }

  set key(stat: Stat | null) {
    if (stat !== null) this.row = this.stats.put(this.row, stat)
    else if (this.row !== noRow) {
      this.unfold()
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

  /** {@link Entry.fold} of all. */
  fold(): void {
    for (const entry of this.walk()) entry.fold()
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

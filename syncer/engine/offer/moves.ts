import { createHash } from 'node:crypto'
import { errnoOf } from '../../base/errors.ts'
import { absent, folder, type Token } from '../../core/content.ts'
import { isWithin, joinPath, type Path } from '../../core/path.ts'
import { inTree } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Move } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** Paths that are renamed as one: it is one step at either end. */
const membersMax = 20_000

/** One path of a folder that is renamed: what it was, and its new name. */
export interface Moved {
  from: Entry
  path: Path
  token: Token
}

/** What both ends agreed on at and below `from`, as it is named below `path`, folders before what is in them. */
export function agreedBelow(from: Entry, path: Path): Moved[] {
  const moved: Moved[] = [{ from, path, token: from.agreed }]
  for (let at = 0; at < moved.length && moved.length <= membersMax; at++) {
    const folderAt = moved[at]!
    for (const child of folderAt.from.children?.values() ?? []) {
      if (child.agreed !== absent)
        moved.push({ from: child, path: joinPath(folderAt.path, child.name), token: child.agreed })
    }
  }
  return moved
}

/** Equal at both ends exactly if they agreed on the same. */
export function digestOf(moved: readonly Moved[]): string {
  const [{ path }] = moved as [Moved]
  const lines = moved.map(each => JSON.stringify([each.path.slice(path.length), each.token]))
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex')
}

/** Whether a folder and all that was agreed below it may be renamed at the other end; see {@link Move}. */
export function movedFrom(x: Exchange, from: Entry, entry: Entry, isUnderWay: (entry: Entry) => boolean): Moved[] {
  const { path } = entry
  if (isWithin(path, from.path) || isWithin(from.path, path)) return []
  const moved = agreedBelow(from, path)
  if (moved.length > membersMax || !isQuietBelow(x, from, isUnderWay)) return []
  for (const below of x.replica.tree.walk(entry)) {
    if (below.agreed !== absent || below.sent !== undefined || isUnderWay(below)) return []
  }
  return moved.every(each => !x.rules.ignored(each.path, each.token === folder)) ? moved : []
}

function isQuietBelow(x: Exchange, from: Entry, isUnderWay: (entry: Entry) => boolean): boolean {
  for (const below of x.replica.tree.walk(from)) if (below.sent !== undefined || isUnderWay(below)) return false
  return true
}

/** Renames a folder here because it was renamed at the other end. */
export class MoveIntake {
  private readonly x: Exchange
  private readonly unwatch: (path: Path) => void
  private readonly watchAgain: (folder: Entry) => void

  constructor(exchange: Exchange, unwatch: (path: Path) => void, watchAgain: (folder: Entry) => void) {
    this.x = exchange
    this.unwatch = unwatch
    this.watchAgain = watchAgain
  }

  /**
   * Renames it, where everything in it is what was agreed on and nothing stands or is known at the new name. Nothing is
   * overwritten or removed by that: what somebody does in it meanwhile goes along, and is found at its new name.
   * @param parents makes the folders above the new name; false where it cannot
   * @returns the folder at its new name, to be read at all depths; undefined where nothing was done
   */
  take({ from, path, digest }: Move, parents: (entry: Entry) => boolean): Entry | undefined {
    const { x } = this
    const { tree, disk, trash } = x.replica
    const source = tree.find(from)
    if (source?.agreed !== folder || isWithin(path, from) || isWithin(from, path)) return undefined
    const entry = tree.ensure(path)
    const moved = agreedBelow(source, path)
    const isSame = moved.length <= membersMax && this.isAsAgreed(source) && digestOf(moved) === digest
    const mayStand = isSame && moved.every(each => !x.rules.ignored(each.path, each.token === folder))
    if (!mayStand || !this.isBlank(entry)) return undefined
    try {
      if (!this.holdsNoMore(source) || !parents(entry) || disk.stat(inTree(path)) !== null) return undefined
      this.rename(source, path)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
    for (const each of moved) this.renamed(each)
    if (!trash.isUnwatched) for (const each of moved) trash.tell(each.path)
    return entry
  }

  /** As far as is known: should it be otherwise, that goes along and is found afterwards. */
  private isAsAgreed(source: Entry): boolean {
    const { x } = this
    for (const below of x.replica.tree.walk(source)) {
      if (below.current !== below.agreed || below.shadow || below.sent !== undefined) return false
      if (x.flights.has(below) || x.holds.has(below)) return false
    }
    return true
  }

  /** Nothing that does not travel, or was never seen: it would get another name without having been asked for. */
  private holdsNoMore(source: Entry): boolean {
    const { disk } = this.x.replica
    const folders = [{ at: source, path: source.path }]
    for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
      for (const { name, kind } of disk.list(next.path)) {
        const child = next.at.children?.get(name)
        if (child === undefined || child.agreed === absent) return false
        if (kind === 'dir') folders.push({ at: child, path: joinPath(next.path, name) })
      }
    }
    return true
  }

  private isBlank(entry: Entry): boolean {
    const { x } = this
    for (const below of x.replica.tree.walk(entry)) {
      if (!x.isGone(below) || below.shadow || x.flights.has(below) || x.holds.has(below)) return false
    }
    return true
  }

  /** A watch follows its folder and goes on telling the old name, so it ends before. */
  private rename(source: Entry, path: Path): void {
    const from = source.path
    this.unwatch(from)
    try {
      this.x.replica.disk.rename(inTree(from), inTree(path))
    } catch (error) {
      this.watchAgain(source)
      throw error
    }
  }

  private renamed({ from, path, token }: Moved): void {
    const { x } = this
    const entry = x.replica.tree.ensure(path)
    entry.current = from.current
    entry.key = from.key
    entry.racy = from.racy
    entry.shadow = false
    x.agree(entry, token)
    if (token === folder && entry.key !== null) x.replica.renamed.note(entry)
    from.current = absent
    from.key = null
    x.agree(from, absent)
    x.emit({ type: 'changed', path, direction: 'in' })
  }
}

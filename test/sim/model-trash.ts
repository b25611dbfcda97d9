import { hash } from 'node:crypto'
import { errnoOf } from '../../syncer/base/errors.ts'
import { fileToken, isFile, kindOf, linkToken, type Token } from '../../syncer/core/content.ts'
import { nameOf, type Path, parentOf } from '../../syncer/core/path.ts'
import { type Disk, inOwn, inTree, type Place, type Stat } from '../../syncer/disk/disk.ts'
import type { Rule } from './model-rules.ts'

const looksMs = [1_000, 5_000, 15_000, 60_000]

/** Something else is there, or in the way. */
const taken = new Set(['EEXIST', 'ENOTDIR', 'ELOOP', 'ENOENT'])

interface Entry {
  name: string
  path: Path
  /** {@link tagOf} what it should be. */
  tag: string
  sinceMs: number
  looks: number
  dueMs: number
  /** It has a name in the tree again: only the one here is left to remove. */
  rescued: boolean
}

/** What was replaced or deleted, kept for a minute because somebody may still write into it. */
export class ModelTrash {
  readonly #entries: Entry[] = []
  readonly #disk: Disk
  readonly #without: ReadonlySet<Rule>
  readonly #freshId: () => string
  readonly #rescued: (path: Path) => void

  constructor(disk: Disk, without: ReadonlySet<Rule>, freshId: () => string, rescued: (path: Path) => void) {
    this.#disk = disk
    this.#without = without
    this.#freshId = freshId
    this.#rescued = rescued
  }

  nameFor(path: Path, expected: Token): string {
    return `trash-${this.#freshId()}-${tagOf(expected)}-${encodeURIComponent(path)}`
  }

  keep(name: string, nowMs: number): void {
    const { tag, path } = parse(name)
    this.#entries.push({ name, path, tag, sinceMs: nowMs, looks: 0, dueMs: nowMs + looksMs[0]!, rescued: false })
  }

  /** Looks now: what should not be in it goes back, or beside. */
  lookNow(name: string, nowMs: number): void {
    this.#lookAt(this.#entries.find(entry => entry.name === name)!, nowMs)
  }

  /** What was linked stays where it was: the entry is not needed. */
  giveUp(name: string, nowMs: number): void {
    const entry = this.#entries.find(entry => entry.name === name)!
    entry.rescued = true
    this.#lookAt(entry, nowMs)
  }

  due(): number {
    return this.#entries.reduce((least, entry) => Math.min(least, entry.dueMs), Number.POSITIVE_INFINITY)
  }

  tick(nowMs: number): void {
    for (const entry of this.#entries.filter(entry => entry.dueMs <= nowMs)) this.#lookAt(entry, nowMs)
  }

  /** What an earlier process left. @param isInTree whether an inode has a name in the tree */
  recover(isInTree: (ino: bigint) => boolean, nowMs: number): void {
    for (const name of this.#disk.listOwn()) {
      if (name.startsWith('temp-') || name.startsWith('stage-')) this.#removeLeftOver(name)
      if (!name.startsWith('trash-') || this.#entries.some(entry => entry.name === name)) continue
      const stat = this.#disk.stat(inOwn(name))
      if (stat === null) continue
      if (isInTree(stat.ino) || this.#without.has('named trash')) this.#disk.unlink(inOwn(name))
      else {
        this.keep(name, nowMs)
        this.lookNow(name, nowMs)
      }
    }
  }

  #removeLeftOver(name: string): void {
    if (this.#disk.stat(inOwn(name))?.kind === 'dir') this.#disk.removeOwn(name)
    else this.#disk.unlink(inOwn(name))
  }

  #lookAt(entry: Entry, nowMs: number): void {
    try {
      if (entry.rescued || this.#isDone(entry)) this.#drop(entry)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      entry.dueMs = nowMs + 200
    }
  }

  #isDone(entry: Entry): boolean {
    if (this.#without.has('late looks') && entry.looks > 0) return true
    const token = contentAt(this.#disk, inOwn(entry.name))?.token
    if (token === undefined) return true
    // An empty file is the placeholder of a grab that did not happen, or was emptied a moment ago: look again.
    const isEmpty = isFile(token) && this.#disk.stat(inOwn(entry.name))?.size === 0
    if (tagOf(token) !== entry.tag && !isEmpty) {
      this.#rescue(entry, token)
      return true
    }
    const next = looksMs[++entry.looks]
    if (next !== undefined) entry.dueMs = entry.sinceMs + next
    return next === undefined
  }

  /** A link, not a copy: who writes late goes on writing into what people see. */
  #rescue(entry: Entry, token: Token): void {
    for (let number = 0; ; number++) {
      const path = number === 0 ? entry.path : copyPath(entry.path, token, 'late', number)
      try {
        makeParents(this.#disk, path)
        this.#disk.link(inOwn(entry.name), inTree(path))
      } catch (error) {
        if (number > 20 || !taken.has(errnoOf(error) ?? '')) throw error
        continue
      }
      entry.rescued = true
      this.#rescued(path)
      return
    }
  }

  #drop(entry: Entry): void {
    if (this.#disk.stat(inOwn(entry.name)) !== null) this.#disk.unlink(inOwn(entry.name))
    this.#entries.splice(this.#entries.indexOf(entry), 1)
  }
}

export interface Content {
  token: Token
  bytes: Buffer
  stat: Stat
  /** It changed while it was read. */
  torn: boolean
}

/** Content of a file or link, all of it; undefined where nothing is. */
export function contentAt(disk: Disk, at: Place): Content | undefined {
  const there = disk.stat(at)
  if (there === null) return undefined
  if (there.kind === 'link')
    return { token: linkToken(disk.readlink(at)), bytes: Buffer.alloc(0), stat: there, torn: false }
  const file = disk.open(at)
  try {
    const before = file.stat()
    // In two parts, as large files are read.
    const half = Math.ceil(before.size / 2)
    const bytes = Buffer.concat([file.read(0, half), file.read(half, before.size)])
    const stat = file.stat()
    const torn = before.mtimeNs !== stat.mtimeNs || before.ctimeNs !== stat.ctimeNs || bytes.length !== stat.size
    return { token: fileToken(hash('sha256', bytes, 'hex'), (stat.mode & 0o100) !== 0), bytes, stat, torn }
  } finally {
    file.close()
  }
}

export function makeParents(disk: Disk, path: Path): void {
  const parent = parentOf(path)
  if (parent === '' || disk.stat(inTree(parent)) !== null) return
  makeParents(disk, parent)
  disk.mkdir(parent)
}

/** A name beside `path` for content that lost its place; the same content asks for the same names. */
export function copyPath(path: Path, token: Token, why: 'pod' | 'late', number: number): Path {
  const digest = hash('sha256', token, 'hex').slice(0, 8)
  const dir = number > 10 ? '' : parentOf(path)
  return `${dir === '' ? '' : `${dir}/`}${nameOf(path)}.${why}-${digest}${number > 1 ? `-${number}` : ''}`
}

/** Comparable to a token, short enough for a name; the executable bit does not count. */
function tagOf(token: Token): string {
  return kindOf(token) === 'file' ? token.slice(1) : `l${hash('sha256', token, 'hex')}`
}

function parse(name: string): { tag: string; path: Path } {
  const [, tag, path] = /^trash-[^-]+-([^-]+)-(.*)$/.exec(name)!
  return { tag: tag!, path: decodeURIComponent(path!) }
}

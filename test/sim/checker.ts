import { joinPath, type Path } from '../../syncer/core/path.ts'
import type { MemoryDisk } from '../../syncer/disk/memory-disk.ts'
import type { Inode } from '../../syncer/disk/memory-inode.ts'
import type { MemoryVolume } from '../../syncer/disk/memory-volume.ts'

/**
 * Judges a run by what people did and what is on the two disks; knows nothing of the protocol.
 *
 * Files consist of tokens `<00042>`, each written once by somebody. A token may be missing at the end only if a person
 * overwrote or removed it where it was the content at that moment, or if a fault took the only copy (a power cut on the
 * laptop, a pod that is gone). Tokens that were written again, or moved back (an undo), are judged for divergence only.
 */
export class Checker {
  readonly #written = new Map<string, string>()
  readonly #excused = new Set<string>()
  readonly #removed = new WeakSet<Inode>()
  /** What people saw at each path. */
  readonly #stood = new Map<Path, Set<string>>()
  /** Every content that some file of some person ever had; the engine must not show any other. */
  readonly #contents = new Set<string>([''])
  #made = 0

  /** A new token. */
  token(): string {
    this.#made += 1
    return `<${String(this.#made).padStart(5, '0')}>`
  }

  /** Watches what people do at one end. */
  watch(disk: MemoryDisk, end: string): void {
    disk.people.observer = {
      wrote: (inode, before, after) => this.#wrote(end, inode, before, after),
      removed: inode => this.#tookAway(inode),
    }
  }

  /** Content that was there before people came. */
  given(bytes: Buffer): void {
    this.#contents.add(bytes.toString('latin1'))
  }

  /** What people left at the path. */
  stands(path: Path, bytes: Buffer): void {
    const contents = this.#stood.get(path)
    if (contents === undefined) this.#stood.set(path, new Set([bytes.toString('latin1')]))
    else contents.add(bytes.toString('latin1'))
  }

  /** A file is moved to the path. What stood there before is an undo, as if it had been written again. */
  moves(path: Path, bytes: Buffer): void {
    const text = bytes.toString('latin1')
    if (this.#stood.get(path)?.has(text)) this.excuse(tokensIn(text))
  }

  wasSeen(bytes: Buffer): boolean {
    return this.#contents.has(bytes.toString('latin1'))
  }

  /** A fault takes these tokens away; they were nowhere else. */
  excuse(tokens: Iterable<string>): void {
    for (const token of tokens) this.#excused.add(token)
  }

  /** Those of the tokens that were written at one end. */
  writtenAt(end: string, tokens: Iterable<string>): string[] {
    return [...tokens].filter(token => this.#written.get(token) === end)
  }

  /**
   * Tokens that should be somewhere and are not, with who wrote them.
   * @param isScratch private files that nobody would ever look into
   */
  lost(disks: MemoryDisk[], isScratch: (name: string) => boolean = () => false): string[] {
    const present = new Set<string>()
    for (const disk of disks) for (const token of tokensOn(disk.volume, false, isScratch)) present.add(token)
    const lost: string[] = []
    for (const [token, end] of this.#written)
      if (!present.has(token) && !this.#excused.has(token)) lost.push(`${token} written at the ${end}`)
    return lost
  }

  #wrote(end: string, inode: Inode, before: Buffer, after: Buffer): void {
    const text = after.toString('latin1')
    this.#contents.add(text)
    const had = tokensIn(before.toString('latin1'))
    const has = tokensIn(text)
    for (const token of had) if (!has.includes(token)) this.#excused.add(token)
    for (const token of has) {
      if (had.includes(token)) continue
      if (this.#written.has(token) || this.#removed.has(inode)) this.#excused.add(token)
      this.#written.set(token, end)
    }
  }

  #tookAway(inode: Inode): void {
    this.#removed.add(inode)
    for (const token of tokensIn(inode.bytes.toString('latin1'))) this.#excused.add(token)
  }
}

export function tokensIn(text: string): string[] {
  const tokens: string[] = []
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at + 1)) {
    const end = text.indexOf('>', at)
    if (end === at + 6) tokens.push(text.slice(at, end + 1))
  }
  return tokens
}

/** Tokens in files of the tree, and of the private area unless only the tree is asked for. */
export function tokensOn(
  volume: MemoryVolume,
  treeOnly = false,
  isScratch: (name: string) => boolean = () => false,
): Set<string> {
  const found = new Set<string>()
  const visit = (inode: Inode) => {
    if (inode.kind === 'file') for (const token of tokensIn(inode.bytes.toString('latin1'))) found.add(token)
    for (const entry of inode.entries?.values() ?? []) visit(entry)
  }
  visit(volume.tree)
  if (treeOnly) return found
  for (const [name, inode] of volume.own.entries!) if (!isScratch(name)) visit(inode)
  return found
}

/**
 * Every path with what stands there, one line each, sorted; what `skip` names is left out, and so are folders that hold
 * nothing else.
 */
export function picture(disk: MemoryDisk, skip: (path: Path) => boolean): string[] {
  const lines: string[] = []
  const holdsOnlySkipped = (dir: Inode, path: Path): boolean =>
    dir.entries!.size > 0 && [...dir.entries!].every(([name]) => skip(joinPath(path, name)))
  const visit = (dir: Inode, path: Path) => {
    for (const [name, inode] of dir.entries!) {
      const at = joinPath(path, name)
      if (skip(at) || (inode.kind === 'dir' && holdsOnlySkipped(inode, at))) continue
      lines.push(`${at} ${face(inode)}`)
      if (inode.kind === 'dir') visit(inode, at)
    }
  }
  visit(disk.volume.tree, '')
  return lines.sort()
}

function face(inode: Inode): string {
  switch (inode.kind) {
    case 'dir':
      return 'dir'
    case 'link':
      return `→ ${inode.target}`
    default:
      return `${(inode.mode & 0o100) !== 0 ? 'x' : '-'} "${inode.bytes.toString('latin1')}"`
  }
}

import { hash } from 'node:crypto'
import { errnoOf, ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { assertSafePath, decodePath, encodePath, joinPath, type Path, parentOf } from '../core/path.ts'
import { type Disk, inOwn, type NewFile } from '../disk/disk.ts'
import { isShortName, parseTrashName, type TrashName } from './trash-name.ts'

const knownMax = 20_000

/**
 * Where trashed files were, in private files of their own: a name has no room for a path. Each is named for the hash of
 * what it holds, which is a folder, with a slash at its end, for all that was trashed from it, or the whole path of a
 * file with a long name.
 */
export class TrashPlaces {
  private readonly disk: Disk
  private readonly owner: string
  private readonly prefix: string
  private readonly known = new Map<string, string>()

  /** @param owner whose entries' places these are; each has files of its own, or one would remove another's */
  constructor(disk: Disk, owner: string) {
    this.disk = disk
    this.owner = owner
    this.prefix = `trash-in-${owner}-`
  }

  /** Makes sure that the place is written down. Where that fails, the path is unknown to a later run, and no more. */
  remember(path: Path): string {
    const text = isShortName(path) ? `${parentOf(path)}/` : path
    const bytes = encodePath(text)
    const place = placeOf(bytes)
    if (this.known.get(place) === text) return place
    try {
      this.write(place, bytes)
      this.know(place, text)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
    return place
  }

  /** The path of what was trashed; undefined where it was not written down, or was damaged. */
  pathOf({ place, base }: { place: string; base: string }): Path | undefined {
    const text = this.known.get(place) ?? this.read(place)
    if (text === undefined) return undefined
    this.know(place, text)
    const path = text.endsWith('/') ? joinPath(text.slice(0, -1), base) : text
    try {
      assertSafePath(path)
      return path
    } catch (error) {
      if (error instanceof ProtocolError) return undefined
      throw error
    }
  }

  /** Of these names the owner's entries, and where each was: its bare name where that is not known. */
  entries(names: readonly string[]): { name: string; parsed: TrashName; path: Path }[] {
    const entries: { name: string; parsed: TrashName; path: Path }[] = []
    for (const name of names) {
      const parsed = parseTrashName(name)
      if (parsed?.owner !== this.owner) continue
      entries.push({ name, parsed, path: this.pathOf(parsed) ?? parsed.base })
    }
    return entries
  }

  /** Names of the files that hold places which nothing in the trash is from any more. */
  unused(used: ReadonlySet<string>, names: readonly string[]): string[] {
    const unused = names.filter(name => name.startsWith(this.prefix) && !used.has(name.slice(this.prefix.length)))
    for (const name of unused) this.known.delete(name.slice(this.prefix.length))
    return unused
  }

  private know(place: string, text: string): void {
    if (this.known.size >= knownMax) this.known.clear()
    this.known.set(place, text)
  }

  private write(place: string, bytes: Uint8Array): void {
    const name = this.prefix + place
    let file: NewFile
    try {
      file = this.disk.create(name)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
      if (this.read(place) !== undefined) return
      // One that a crash cut short.
      this.disk.unlink(inOwn(name))
      file = this.disk.create(name)
    }
    try {
      file.write(bytes)
    } finally {
      file.close()
    }
  }

  private read(place: string): string | undefined {
    try {
      const file = this.disk.open(inOwn(this.prefix + place))
      try {
        const bytes = file.read(0, limits.pathBytesMax + 1)
        return placeOf(bytes) === place ? decodePath(bytes) : undefined
      } finally {
        file.close()
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }
}

function placeOf(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex').slice(0, 16)
}

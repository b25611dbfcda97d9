import type { Path } from '../../core/path.ts'
import type { KnownNames } from '../../endpoint/scanner.ts'

/** What a folder held when it was listed, after it was watched. */
type Names = Pick<KnownNames, 'names' | 'folders'>

/** Names that are kept, in all folders; the rest is listed again. */
const namesMax = 300_000

/**
 * What the search for ignore files listed, for the scan that follows it: a large folder is listed once. It holds while no
 * name in the folder was told to have changed, for which it must have been watched before.
 */
export class ListedNames {
  private readonly folders = new Map<Path, Names>()
  private names = 0

  keep(dir: Path, listed: Names): void {
    this.names += listed.names.length
    if (this.names <= namesMax) this.folders.set(dir, listed)
  }

  /** Once: who asks again wants to know what is there by then. */
  take(dir: Path): Names | undefined {
    const listed = this.folders.get(dir)
    this.folders.delete(dir)
    return listed
  }

  clear(): void {
    this.folders.clear()
  }
}

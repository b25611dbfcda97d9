import type { Path } from '../core/path.ts'

/** What a folder held when it was listed, after it was watched. */
export interface KnownNames {
  names: readonly string[]
  /** Of what the rules may leave out; everything else travels. */
  passedBy: ReadonlySet<Path>
}

/** Names that are kept, in all folders; the rest is listed again. */
const namesMax = 300_000

/**
 * What the search for ignore files listed, for the scan that follows it: a large folder is listed once. It holds while no
 * name in the folder was told to have changed, for which it must have been watched before.
 */
export class ListedNames {
  private readonly folders = new Map<Path, readonly string[]>()
  private names = 0

  keep(dir: Path, names: readonly string[]): void {
    this.names += names.length
    if (this.names <= namesMax) this.folders.set(dir, names)
  }

  /** Once: who asks again wants to know what is there by then. */
  take(dir: Path): readonly string[] | undefined {
    const names = this.folders.get(dir)
    this.folders.delete(dir)
    return names
  }

  clear(): void {
    this.folders.clear()
  }
}

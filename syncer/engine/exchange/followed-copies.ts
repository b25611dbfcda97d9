import type { Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { Entry } from '../../endpoint/tree.ts'

/** Paths at most; of what is older the next version gets a copy of its own. */
const pathsMax = 1_000

export interface FollowedCopy {
  readonly copy: Path
  /** What was saved there. */
  readonly token: Token
}

/**
 * Laptop: by the path that was edited at both ends, the copy of the pod's version that the pod's next one may take the
 * place of. That is so while the pod's program alone can have overwritten that version: until the pod has tried to put
 * ours in its place. What sync itself took away there is in the copy, and nowhere else.
 */
export class FollowedCopies {
  private readonly copies = new Map<Entry, FollowedCopy>()

  /** @returns the copy, if it was made of the version `base` */
  of(entry: Entry, base: Token): Path | undefined {
    const followed = this.copies.get(entry)
    return followed?.token === base && entry.agreed === base ? followed.copy : undefined
  }

  add(entry: Entry, followed: FollowedCopy): void {
    this.copies.delete(entry)
    this.copies.set(entry, followed)
    if (this.copies.size > pathsMax) this.copies.delete(this.copies.keys().next().value!)
  }

  delete(entry: Entry): void {
    this.copies.delete(entry)
  }

  clear(): void {
    this.copies.clear()
  }
}

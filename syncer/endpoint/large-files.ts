import { isFile } from '../core/content.ts'
import type { Entry } from './tree.ts'

const largeMax = 10_000

/** Where a large file stood when it was looked at last, so that one is found again under another name. */
export class LargeFiles {
  private readonly entries = new Set<Entry>()

  note(entry: Entry): void {
    this.entries.add(entry)
    if (this.entries.size > largeMax) this.entries.delete(this.entries.values().next().value!)
  }

  /** Where both ends agreed on a large file that is `wanted`. */
  find(wanted: (entry: Entry) => boolean): Entry | undefined {
    for (const entry of this.entries) {
      if (isFile(entry.agreed) && wanted(entry)) return entry
      if (!isFile(entry.agreed) && !isFile(entry.current)) this.entries.delete(entry)
    }
    return undefined
  }
}

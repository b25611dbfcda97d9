import type { Position } from '../../syncer/base/errors.ts'
import type { Complaint } from './manifest.ts'
import { ManifestError } from './manifest-error.ts'

const errorsMax = 20
const warningsMax = 50

/** Gathers what there is to say about a file; keeps the first 20 errors and 50 warnings, each once. */
export class Complaints {
  private readonly errors: Complaint[] = []
  private readonly warnings: Complaint[] = []
  private readonly seen = new Set<string>()
  private errorsOmitted = 0
  private warningsOmitted = 0

  error(at: Position, message: string, hint?: string): void {
    if (this.isRepeated(at, message)) return
    if (this.errors.length < errorsMax) this.keep(this.errors, { at, message, hint })
    else this.errorsOmitted += 1
  }

  warn(at: Position, message: string, hint?: string): void {
    if (this.isRepeated(at, message)) return
    if (this.warnings.length < warningsMax) this.keep(this.warnings, { at, message, hint })
    else this.warningsOmitted += 1
  }

  /** Errors so far, those that were not kept included. */
  get errorCount(): number {
    return this.errors.length + this.errorsOmitted
  }

  throwIfAny(): void {
    const [first, ...others] = this.errors.sort(byPosition)
    if (first !== undefined) throw new ManifestError([first, ...others], this.errorsOmitted)
  }

  /** The warnings in the order of the file; the last one counts those that were not kept. */
  allWarnings(): Complaint[] {
    const sorted = this.warnings.sort(byPosition)
    const last = sorted.at(-1)
    if (last === undefined || this.warningsOmitted === 0) return sorted
    return [...sorted, { at: last.at, message: `${this.warningsOmitted} more warnings are not shown` }]
  }

  // An anchor that is used twice is read twice; what is wrong with it is said once.
  private isRepeated(at: Position, message: string): boolean {
    return this.seen.has(keyOf(at, message))
  }

  private keep(list: Complaint[], { at, message, hint }: Complaint): void {
    this.seen.add(keyOf(at, message))
    list.push(hint === undefined ? { at, message } : { at, message, hint })
  }
}

function keyOf(at: Position, message: string): string {
  return `${at.file}:${at.line}:${at.column}:${message}`
}

function byPosition(a: Complaint, b: Complaint): number {
  if (a.at.file !== b.at.file) return a.at.file < b.at.file ? -1 : 1
  return a.at.line - b.at.line || a.at.column - b.at.column
}

import { isAbsolute, relative } from 'node:path'
import { UserError } from '../../syncer/base/errors.ts'
import type { Complaint } from './manifest.ts'
import { printable } from './quote-text.ts'

/** A manifest that cannot be used: everything that is wrong with it, in the order of the file. */
export class ManifestError extends UserError {
  /** Never empty; the first one is also this error's message, hint and position. */
  readonly complaints: Complaint[]
  /** Complaints that were found beyond those kept. */
  readonly omitted: number

  constructor(complaints: [Complaint, ...Complaint[]], omitted = 0) {
    const first = complaints[0]
    super('manifest', first.message, { at: first.at, hint: first.hint })
    this.name = 'ManifestError'
    this.complaints = complaints
    this.omitted = omitted
  }
}

/** `file:line:column: message`, then the hint on a line of its own. A file below `cwd` is shown from there. */
export function formatComplaint(complaint: Complaint, cwd: string): string {
  const { file, line, column } = complaint.at
  const below = relative(cwd, file)
  const shown = below === '' || isAbsolute(below) || below.startsWith('..') ? file : below
  const text = `${printable(shown)}:${line}:${column}: ${complaint.message}`
  return complaint.hint === undefined ? text : `${text}\n  hint: ${complaint.hint}`
}

import type { Position } from '../../syncer/base/errors.ts'
import type { Fields } from './fields.ts'
import type { Complaint } from './manifest.ts'

/** Where a dev comes from, and where to say that it cannot be used yet though nothing is wrong with it. */
export interface DevSource {
  fields: Fields
  /** absent: the root of a v1 file. */
  key?: { text: string; at: Position }
  /** What the manifest's devs are called. */
  devNames: ReadonlySet<string>
  leaveOut: (complaint: Complaint, name: string) => void
}

import type { Path } from '../../core/path.ts'
import type { Role } from '../../core/sync-policy.ts'

/** What one end tells the program around it. */
export type EngineEvent =
  | { type: 'live' }
  | { type: 'conflict'; path: Path; copy: Path }
  | { type: 'problem'; side: Role; path: Path; code: string; message: string; isUnmade: boolean; isUnread: boolean }
  /** The pod's edit gave way to the laptop's, as the folder's mode has it. */
  | { type: 'replaced'; path: Path }
  | { type: 'mirror'; removed: number; largest: { folder: Path; files: number }[] }
  | { type: 'halted'; deletes: number }
  | { type: 'resumed' }
  | { type: 'first-contact' }
  /** All of the folder was read. */
  | { type: 'swept' }
  | { type: 'flush-asked'; id: number }
  | { type: 'flushed'; side: Role; id: number }
  | { type: 'probed'; id: number; pending: number }
  | { type: 'changed'; path: Path; direction: 'out' | 'in' }
  /** The journal cannot be written, with the system's code: nothing is sent until it can, which has the code ''. */
  | { type: 'unkept'; code: string }

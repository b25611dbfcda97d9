import type { Path } from '../core/path.ts'
import type { ChangeMessage } from './change-message.ts'
import type { ContactMessage } from './contact-message.ts'
import type { ContentMessage } from './content-message.ts'

/** The messages of the sync protocol; `docs/decisions/0002-sync-protocol.md` tells what each is for. */
export type SyncMessage = ContactMessage | ChangeMessage | ContentMessage | StateMessage

/** What a person or another part waits for, and what hinders. */
export type StateMessage = Flush | Flushed | Problem | Replaced | Probe | Probed

export interface Flush {
  type: 'flush'
  id: number
}

export interface Flushed {
  type: 'flushed'
  id: number
}

/** pod → laptop: trouble with one path, `''` for the folder as a whole, for people; `code` empty: it is over. */
export interface Problem {
  type: 'problem'
  path: Path
  code: string
  message: string
  /** What the laptop wrote there waits to be made. */
  isUnmade: boolean
  /** What was written there cannot be read, and so cannot come. */
  isUnread: boolean
}

/** pod → laptop: an edit that was made there gave way to the laptop's, as the folder's mode has it. */
export interface Replaced {
  type: 'replaced'
  path: Path
}

/** Asks the other end's engine to answer: a proof that it is alive. */
export interface Probe {
  type: 'probe'
  id: number
}

export interface Probed {
  type: 'probed'
  id: number
  /** Paths at that end that differ or are under way. */
  pending: number
}

import type { Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'

/** What the ends tell each other of before changes travel: who they are, what they know, by which rules. */
export type ContactMessage = Hello | Welcome | Index | Bases | Epoch | EpochDone | Rules

export const contactTypes = [
  'hello',
  'welcome',
  'index',
  'bases',
  'epoch',
  'epoch-done',
  'rules',
] as const satisfies ContactMessage['type'][]

const types: ReadonlySet<string> = new Set(contactTypes)

export function isContact(message: { type: string }): message is ContactMessage {
  return types.has(message.type)
}

/** Identity of the pod's copy of a folder: kept in a marker file in its private folder. */
export interface Marker {
  /** Random, made with the marker. */
  id: string
  /** Raised by the laptop at each start of a session; a lower one is an older copy that came back. */
  epoch: number
}

/** laptop → pod, first message of a connection. */
export interface Hello {
  type: 'hello'
  session: string
  /** JSON of the ignore rules, see `core/ignore.ts`. */
  rules: string
  /** Laptop's wall clock, ms. */
  nowMs: number
  /** Digest of all that is agreed, see `engine/contact/agreement-digest.ts`. */
  agreed: string
}

/** pod → laptop: who the pod's copy is. */
export interface Welcome {
  type: 'welcome'
  marker: Marker | null
  nowMs: number
  /** The pod agreed on the same as the laptop: the index tells only of what does not stand there as agreed. */
  agreesWith: boolean
}

/** pod → laptop: what stands there. `base` is what the pod last agreed on; undefined: it knows none. */
export interface Index {
  type: 'index'
  entries: { path: Path; current: Token; base: Token | undefined }[]
  last: boolean
}

/**
 * laptop → pod: the agreement for each path where it is not what the pod said to hold; every other path of the index is
 * agreed as it stands. After `last` both ends may send changes.
 */
export interface Bases {
  type: 'bases'
  entries: { path: Path; agreed: Token }[]
  last: boolean
}

/** laptop → pod: write this marker; answered by `epoch-done`. */
export interface Epoch {
  type: 'epoch'
  marker: Marker
}

export interface EpochDone {
  type: 'epoch-done'
  epoch: number
}

/** laptop → pod: the ignore rules changed. */
export interface Rules {
  type: 'rules'
  rules: string
}

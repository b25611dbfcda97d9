import type { Token } from '../../core/content.ts'
import type { Entry } from '../../endpoint/tree.ts'

/** A PUT of ours that is not answered yet; at most one for a path. */
export interface Flight {
  seq: number
  data: Token
  /** The base was set by the other end's PUT, or forgotten by the rules, meanwhile: the answer no longer says what is agreed. */
  stale: boolean
  /** The path changed, or may have, since it was sent: look again when the answer is there. */
  touched: boolean
  /** When it went, where its answer tells how far away the other end is. */
  sentMs?: number
  /** Of a subtree's PUT, or a folder's new name: what else its answer is about, each with a flight of its own. */
  members?: Entry[]
  /** It is of a folder's new name. */
  isMove?: true
}

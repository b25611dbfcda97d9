import type { Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'

/** Changes of paths, and the answers to them. */
export type ChangeMessage = Put | Move | Ack | Rej | GraftMember | GraftEnd

/** "Here stood `base`; make it `data`." At most one is under way for a path. */
export interface Put {
  type: 'put'
  seq: number
  path: Path
  base: Token
  data: Token
  /** Modification time at the sender, ms; only advice. */
  mtimeMs: number
  /** True for an edit of now: it is stamped with the receiver's time so that reloaders see it. */
  live: boolean
  /** Content of a small file. */
  bytes?: Uint8Array
  /**
   * Or the transfer that brought it; with neither, the receiver has a file of that hash at this path already. For a
   * folder: the subtree that was staged, which takes its place as a whole or not at all.
   */
  staged?: number
}

/**
 * "The folder `from` has the name `path` now": for everything that both ends agreed on at and below it this is one PUT of
 * it at its new name, with the base of nothing, and one of nothing at the old. It is done as a whole or not at all, and
 * answered by an ACK or a REJ of `path`.
 */
export interface Move {
  type: 'move'
  seq: number
  from: Path
  path: Path
  /** sha256 (hex) of what was agreed on, see `engine/offer/moves.ts`. */
  digest: string
}

/** "This is the agreement now." */
export interface Ack {
  type: 'ack'
  seq: number
  path: Path
}

/** `differs`: something else stands there than was expected, and nothing was tried; `changed`: it was tried. */
export type RejReason = 'differs' | 'changed' | 'need' | 'failed' | 'halted' | 'ignored'

export interface Rej {
  type: 'rej'
  seq: number
  path: Path
  reason: RejReason
}

/**
 * Bulk lane: one path of a subtree that the receiver lacks, for staging. The topmost folder comes first, every other
 * path after its folder; nothing else comes between those of one subtree and its {@link GraftEnd}.
 */
export interface GraftMember {
  type: 'graft'
  /** Number of the transfer, chosen by the sender. */
  id: number
  path: Path
  data: Token
  mtimeMs: number
  /** Of a file: all of it. */
  bytes?: Uint8Array
}

export interface GraftEnd {
  type: 'graft-end'
  id: number
}

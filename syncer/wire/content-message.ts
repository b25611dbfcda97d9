import type { Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'

/** Content ahead of its PUT, whole or as the blocks that differ, and what becomes of it. */
export type ContentMessage = Content | Early | Compare | Blocks | Build | Fill | Reuse | Staged | Unstaged | Forget

/**
 * Bulk lane: part of a file's content for staging. Parts of one transfer come in order from offset 0; transfers do not
 * interleave.
 */
export interface Content {
  type: 'content'
  /** Number of the transfer, chosen by the sender. */
  id: number
  /** File token that the whole content must have. */
  token: Token
  offset: number
  last: boolean
  mtimeMs: number
  bytes: Uint8Array
}

/**
 * Content of a small file that was written a moment ago, and that a PUT is likely to name when it has come to rest: for
 * staging, under that path's permissions. It decides nothing, is not answered, and may be dropped: a PUT that comes to
 * nothing for that asks for it. Ended by that PUT, or by {@link Forget}.
 */
export interface Early {
  type: 'early'
  /** Number of the transfer, chosen by the sender. */
  id: number
  path: Path
  /** File token of the content. */
  token: Token
  mtimeMs: number
  bytes: Uint8Array
}

/**
 * "What have you of the large file that I may send for this path?" Answered by {@link Blocks}; ended by {@link Forget}, or
 * by the {@link Staged} or {@link Unstaged} of what is built of it.
 */
export interface Compare {
  type: 'compare'
  /** Number of the transfer, chosen by the sender. */
  id: number
  path: Path
  /** Where both ends agreed on that content, or most of it, under another name. */
  source?: Path | undefined
  /** What is to be sent, where that is known already. */
  token?: Token | undefined
  /** Blocks are told by their marks under this key (`core/block-marks.ts`); absent: by their sha256. */
  key?: Uint8Array | undefined
}

/** What each next block of it is told by, one after the other. */
export interface Blocks {
  type: 'blocks'
  id: number
  hashes: Uint8Array
  /** With the last ones: bytes in all; 0 where there is nothing. */
  size?: number | undefined
}

/** Bulk lane: from what was compared this content is built. {@link Fill} and {@link Reuse} follow, in order. */
export interface Build {
  type: 'build'
  id: number
  /** File token that the whole content must have. */
  token: Token
  size: number
  mtimeMs: number
  /** Where blocks are told by marks: what the content's marks must come to (`proofOfMarks`), 32 bytes. */
  proof?: Uint8Array | undefined
  /** What was compared stays as it is, cut or with zeros behind it, but for what is filled in; else all is told. */
  isPatched: boolean
}

/** Bulk lane: bytes of what is built; whole blocks where it is patched. `last` may come with none. */
export interface Fill {
  type: 'fill'
  id: number
  offset: number
  bytes: Uint8Array
  last: boolean
}

/** Bulk lane: the next bytes are these blocks of what was compared. */
export interface Reuse {
  type: 'reuse'
  id: number
  block: number
  count: number
}

/** The content of a transfer is in staging, checked, until a PUT takes it. */
export interface Staged {
  type: 'staged'
  id: number
}

/**
 * The content could not be staged: damaged (it changed while it was read) or no room. With `path`: that one of a
 * subtree, the rest goes on.
 */
export interface Unstaged {
  type: 'unstaged'
  id: number
  reason: 'damaged' | 'failed'
  path?: Path
  /** Why it failed: the system's code. */
  code?: string
}

/** The sender of a finished transfer has no use for it any more. */
export interface Forget {
  type: 'forget'
  id: number
}

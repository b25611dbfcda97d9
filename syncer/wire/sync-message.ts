import type { Token } from '../core/content.ts'
import type { Path } from '../core/path.ts'

/** Identity of the pod's copy of a folder: kept in a marker file in its private folder. */
export interface Marker {
  /** Random, made with the marker. */
  id: string
  /** Raised by the laptop at each start of a session; a lower one is an older copy that came back. */
  epoch: number
}

/** The messages of the sync protocol; `docs/decisions/0002-sync-protocol.md` tells what each is for. */
export type SyncMessage =
  | Hello
  | Welcome
  | Index
  | Bases
  | Epoch
  | EpochDone
  | Rules
  | Put
  | Ack
  | Rej
  | Content
  | Early
  | GraftMember
  | GraftEnd
  | Move
  | Compare
  | Blocks
  | Build
  | Fill
  | Reuse
  | Staged
  | Unstaged
  | Forget
  | Flush
  | Flushed
  | Problem
  | Probe
  | Probed

/** laptop → pod, first message of a connection. */
export interface Hello {
  type: 'hello'
  session: string
  /** JSON of the ignore rules, see `core/ignore.ts`. */
  rules: string
  /** Laptop's wall clock, ms. */
  nowMs: number
  /** Digest of all that is agreed, see `session/agreement-digest.ts`. */
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
  /** sha256 (hex) of what was agreed on, see `session/moves.ts`. */
  digest: string
}

/** "This is the agreement now." */
export interface Ack {
  type: 'ack'
  seq: number
  path: Path
}

export type RejReason = 'changed' | 'need' | 'failed' | 'halted' | 'ignored'

export interface Rej {
  type: 'rej'
  seq: number
  path: Path
  reason: RejReason
}

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

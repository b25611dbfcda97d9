import type { BlockMeasure } from '../../core/block-marks.ts'
import type { Token } from '../../core/content.ts'
import type { Entry } from '../../endpoint/tree.ts'

/** One path of a subtree, and what stood there when it was put together. */
export interface Member {
  entry: Entry
  token: Token
}

/** What the other end has of a large file: values of its blocks, `size` bytes in all. */
export interface Compared {
  measure: BlockMeasure
  values: Buffer
  size: number
  /** Where blocks are told by marks: those of the content that is to be sent. */
  marks: { values: Buffer; proof: Buffer } | undefined
}

export interface Transfer {
  id: number
  entry: Entry
  token: Token
  /** What both ends agreed on when it was put together. */
  base: Token
  size: number
  urgent: boolean
  /** Of a subtree: `entry` and what goes along. */
  members: Member[] | undefined
  /** Files whose content it brings: neither folders nor links. */
  files: number
  /** How many those were before any was left out; 0 for a file. */
  membersAtStart: number
  /** Of a large file: what the other end has of it. */
  compared?: Compared
  /** `Exchange.rulesVersion` when it was put together. */
  rulesVersion: number
}

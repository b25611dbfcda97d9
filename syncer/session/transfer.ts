import type { Token } from '../core/content.ts'
import type { Entry } from '../endpoint/tree.ts'
import type { Compared } from './comparisons.ts'

/** One path of a subtree, and what stood there when it was put together. */
export interface Member {
  entry: Entry
  token: Token
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
  /** How many those were before any was left out; 0 for a file. */
  membersAtStart: number
  /** Of a large file: what the other end has of it. */
  compared?: Compared
  /** `Exchange.rulesVersion` when it was put together. */
  rulesVersion: number
}

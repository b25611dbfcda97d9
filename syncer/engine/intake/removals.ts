import { errnoOf } from '../../base/errors.ts'
import { absent, folder, type Token } from '../../core/content.ts'
import { inTree } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Put } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { isSentToo } from './put-judge.ts'

/**
 * Whether it takes away what is still here. A folder that becomes a file goes after what was in it, so it must not
 * overtake that.
 */
export function isRemoval(x: Exchange, entry: Entry, put: Put): boolean {
  const isGoing = put.data === absent || (put.base === folder && put.data !== folder)
  if (!isGoing || isSentToo(x, entry, put)) return false
  // What is known may be a moment old, and what is back since counts.
  return isThoughtGone(entry, put.data) ? isBack(x, entry, put) : true
}

function isThoughtGone({ current, parent }: Entry, data: Token): boolean {
  if (data === absent ? current === absent : current !== folder) return true
  for (let at = parent; at !== null && at.parent !== null; at = at.parent) if (at.current !== folder) return true
  return false
}

function isBack(x: Exchange, entry: Entry, { path, data }: Put): boolean {
  if (entry.shadow) return false
  try {
    const stat = x.replica.disk.stat(inTree(path))
    return data === absent ? stat !== null : stat?.kind === 'dir'
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return true
  }
}

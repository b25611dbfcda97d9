import { errnoOf } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { absent, folder, isFile, unreadFile } from '../../core/content.ts'
import { joinPath, type Path } from '../../core/path.ts'
import { inTree, type OpenFile, type Stat } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Member, Transfer } from './transfer.ts'

/** Content in one message. */
export const partBytes = limits.framePayloadBytesMax - 4096

/** A transfer whose content is being read and sent, in steps of one message. */
export interface Reading {
  readonly transfer: Transfer
  /** Bytes of its content that were sent; 0 where that is not counted. */
  readonly sentBytes: number
  /**
   * - `more`  there is more to send
   * - `done`  everything was sent
   * - `gone`  it is not what was to be sent any more; nothing more of it is sent
   */
  step(): 'more' | 'done' | 'gone'
  close(): void
}

/** Opens a file that still is what was looked at; undefined where it is another by now. */
export function openKnown(x: Exchange, entry: Entry): OpenFile | undefined {
  try {
    const file = x.replica.disk.open(inTree(entry.path))
    if (entry.isKey(file.opened)) return file
    file.close()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
  return undefined
}

/** A file, in parts. */
export class FileReading implements Reading {
  readonly transfer: Transfer
  private readonly x: Exchange
  private readonly file: OpenFile
  private readonly stat: Stat
  private offset = 0

  constructor(exchange: Exchange, transfer: Transfer, file: OpenFile) {
    this.x = exchange
    this.transfer = transfer
    this.file = file
    this.stat = file.opened
  }

  get sentBytes(): number {
    return this.offset
  }

  step(): 'more' | 'done' | 'gone' {
    const { offset, stat, transfer } = this
    let bytes: Buffer
    try {
      bytes = this.file.read(offset, Math.min(partBytes, stat.size - offset))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return 'gone'
    }
    this.offset += bytes.length
    // A file that shrank meanwhile ends early: the other end finds the hash wrong and says so.
    const last = this.offset >= stat.size || bytes.length === 0
    const mtimeMs = Number(stat.mtimeNs / 1_000_000n)
    this.x.send('bulk', { type: 'content', id: transfer.id, token: transfer.token, offset, last, mtimeMs, bytes })
    return last ? 'done' : 'more'
  }

  close(): void {
    this.file.close()
  }
}

/** A subtree, path by path. What changed meanwhile is left out; the other end finds files that do so just now. */
export class GraftReading implements Reading {
  readonly sentBytes = 0
  readonly transfer: Transfer
  private readonly x: Exchange
  private readonly members: readonly Member[]
  private readonly left: (member: Member) => void
  private readonly memory: Buffer
  private at = 0

  /**
   * @param memory of {@link memberBytesMax}, in which the content of one file after the other is
   * @param left told of a member that is not sent
   */
  constructor(
    exchange: Exchange,
    transfer: Transfer,
    members: readonly Member[],
    memory: Buffer,
    left: (member: Member) => void,
  ) {
    this.x = exchange
    this.transfer = transfer
    this.members = [...members]
    this.memory = memory
    this.left = left
  }

  step(): 'more' | 'done' {
    const { id } = this.transfer
    const member = this.members[this.at++]
    if (member === undefined) {
      this.x.send('bulk', { type: 'graft-end', id })
      return 'done'
    }
    const { entry } = member
    const path = entry.path
    const { mtimeMs } = entry
    if (!isFile(member.token)) {
      this.x.send('bulk', { type: 'graft', id, path, data: member.token, mtimeMs })
      return 'more'
    }
    const bytes = this.read(member, path)
    if (bytes === undefined) this.left(member)
    else this.x.send('bulk', { type: 'graft', id, path, data: member.token, mtimeMs, bytes })
    return 'more'
  }

  close(): void {}

  /** A file that changes just now goes by itself, when it has come to rest. */
  private read(member: Member, path: Path): Buffer | undefined {
    const { entry } = member
    const { looker } = this.x.replica
    if (!entry.hasKey || entry.size > this.memory.length) return undefined
    const bytes = this.memory.subarray(0, entry.size)
    if (member.token !== unreadFile) return this.readAgain(entry, path, bytes)
    if (entry.current !== unreadFile || !looker.readNoted(entry, path, bytes)) return undefined
    member.token = entry.current
    return bytes
  }

  private readAgain(entry: Entry, path: Path, bytes: Buffer): Buffer | undefined {
    try {
      const stat = this.x.replica.disk.readInto(inTree(path), bytes)
      return stat !== undefined && entry.isKey(stat) ? bytes : undefined
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }
}

/**
 * Paths and bytes of one subtree: what is seen at once, what a cut costs, and how long its PUT holds up the rest. No
 * folder is begun beyond the first pair; one that was begun may go on up to the second.
 */
export const graftLimits = { members: 2_000, bytes: 8 * 1024 * 1024 } as const
const hard = { members: 8_000, bytes: 32 * 1024 * 1024 }
/** Of one file in it; a larger one goes by itself. */
export const memberBytesMax = 512 * 1024

/**
 * What goes along when `root` is sent as a subtree: itself, and below it what the other end lacks too, folders before
 * what is in them, up to a limit; the rest follows by itself.
 * @param mayGo the rules let it travel, and nothing about it is under way
 */
export function collectGraft(
  root: Entry,
  mayGo: (entry: Entry, path: Path) => boolean,
): { members: Member[]; bytes: number } {
  const members: Member[] = []
  const folders = [{ at: root, path: root.path }]
  let bytes = 0
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    if (members.length >= graftLimits.members || bytes >= graftLimits.bytes) break
    members.push({ entry: next.at, token: folder })
    for (const entry of next.at.children?.values() ?? []) {
      const { current } = entry
      if (!entry.hasKey || entry.agreed !== absent || current === absent || entry.racy) continue
      const path = joinPath(next.path, entry.name)
      if (!mayGo(entry, path)) continue
      if (current === folder) folders.push({ at: entry, path })
      else if (entry.size <= memberBytesMax && members.length < hard.members && bytes < hard.bytes) {
        members.push({ entry, token: current })
        bytes += entry.size
      }
    }
  }
  return { members, bytes }
}

import { errnoOf, ProtocolError } from '../base/errors.ts'
import { folder, isFile, linkTargetOf, type Token } from '../core/content.ts'
import { nameOf, type Path, parentOf } from '../core/path.ts'
import { type Disk, inOwn, type Stat } from '../disk/disk.ts'
import { systemError } from '../disk/system-error.ts'
import type { GraftMember } from '../wire/change-message.ts'
import type { Litter } from './litter.ts'
import type { Stage } from './stage.ts'

/** One path of a staged subtree. */
export interface GraftNode {
  token: Token
  stat: Stat
  /** Names of a folder. */
  children: Map<string, GraftNode> | undefined
}

/** A subtree that was built in private, ready to be moved to its place as one. */
export interface Graft {
  /** The private folder that holds it. */
  name: string
  /** Its place in the tree. */
  path: Path
  root: GraftNode
}

interface Growing extends Graft {
  id: number
  folders: Map<Path, GraftNode>
  members: number
  failed: boolean
}

/** Paths in one subtree; the sender takes far fewer. */
const membersMax = 100_000
/** Subtrees that wait for their PUT, and paths in all of them; the sender keeps to less. */
const readyMax = 1_000
const readyMembersMax = 300_000

/**
 * Subtrees on their way in: what is missing here as a whole is built in a private folder, where nobody sees half of it,
 * and takes its place with one rename. One grows at a time.
 */
export class Grafts {
  private readonly disk: Disk
  private readonly litter: Litter
  private readonly stage: Stage
  private readonly ready = new Map<number, Growing>()
  private readyMembers = 0
  private growing: Growing | undefined

  constructor(disk: Disk, litter: Litter, stage: Stage) {
    this.disk = disk
    this.litter = litter
    this.stage = stage
  }

  /**
   * Takes the next path. `damaged`: this path is left out. After `failed` the rest is skipped.
   * @throws ProtocolError where it does not belong to a subtree that grows
   */
  add(member: GraftMember): 'growing' | 'damaged' {
    if (this.growing?.id !== member.id) this.begin(member)
    const growing = this.growing!
    if (growing.failed) return 'growing'
    if (++growing.members > membersMax) throw new ProtocolError('a subtree without end')
    try {
      if (growing.members > 1) return this.grow(growing, member)
      this.disk.mkdirOwn(growing.name)
      growing.root.stat = this.statOf(growing.name)
      return 'growing'
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      growing.failed = true
      this.litter.removeFolder(growing.name)
      return 'growing'
    }
  }

  /**
   * The subtree is complete. `failed`: it could not be built, or too many wait for their PUTs; it is gone.
   * @throws ProtocolError where it is none, or has the number of one that waits
   */
  end(id: number): 'staged' | 'failed' {
    const growing = this.growing
    if (growing?.id !== id) throw new ProtocolError('the end of a subtree that did not begin')
    this.growing = undefined
    if (growing.failed) return 'failed'
    const isTwice = this.ready.has(id)
    const isFull = this.ready.size >= readyMax || this.readyMembers + growing.members > readyMembersMax
    if (isFull || isTwice) this.discard(growing)
    if (isTwice) throw new ProtocolError('two subtrees of one number')
    if (isFull) return 'failed'
    this.ready.set(id, growing)
    this.readyMembers += growing.members
    return 'staged'
  }

  /** A finished subtree; the caller owns it from now on. */
  take(id: number): Graft | undefined {
    const graft = this.ready.get(id)
    if (graft === undefined) return undefined
    this.ready.delete(id)
    this.readyMembers -= graft.members
    return graft
  }

  discard(graft: Graft): void {
    this.litter.removeFolder(graft.name)
  }

  clear(): void {
    this.dropGrowing()
    for (const graft of this.ready.values()) this.discard(graft)
    this.ready.clear()
    this.readyMembers = 0
  }

  /** Private folders in use. */
  *names(): Generator<string> {
    if (this.growing !== undefined) yield this.growing.name
    for (const { name } of this.ready.values()) yield name
  }

  private begin(member: GraftMember): void {
    if (member.data !== folder) throw new ProtocolError('a subtree that does not begin with a folder')
    this.dropGrowing()
    const name = this.stage.newName()
    const root: GraftNode = { token: folder, stat: unknownStat, children: new Map() }
    const folders = new Map([[member.path, root]])
    this.growing = { id: member.id, name, path: member.path, root, folders, members: 0, failed: false }
  }

  private grow(growing: Growing, { path, data, mtimeMs, bytes }: GraftMember): 'growing' | 'damaged' {
    const children = growing.folders.get(parentOf(path))?.children
    if (children === undefined) throw new ProtocolError('a part of a subtree without its folder')
    const name = nameOf(path)
    if (children.has(name)) throw new ProtocolError('a part of a subtree twice')
    const own = growing.name + path.slice(growing.path.length)
    if (isFile(data)) {
      const file = this.stage.writeAs(own, data, bytes!, mtimeMs, false)
      if (file === undefined) return 'damaged'
      children.set(name, { token: data, stat: file.stat, children: undefined })
      return 'growing'
    }
    if (data === folder) this.disk.mkdirOwn(own)
    else this.disk.symlink(linkTargetOf(data), inOwn(own))
    const made: GraftNode = {
      token: data,
      stat: this.statOf(own),
      children: data === folder ? new Map() : undefined,
    }
    children.set(name, made)
    if (data === folder) growing.folders.set(path, made)
    return 'growing'
  }

  private statOf(own: string): Stat {
    const stat = this.disk.stat(inOwn(own))
    // Somebody cleans up in our private folder.
    if (stat === null) throw systemError('ENOENT', 'what was just made is gone')
    return stat
  }

  private dropGrowing(): void {
    const { growing } = this
    this.growing = undefined
    if (growing !== undefined && !growing.failed) this.litter.removeFolder(growing.name)
  }
}

const unknownStat: Stat = { kind: 'dir', size: 0, mtimeNs: 0n, ctimeNs: 0n, ino: 0n, mode: 0, mount: false }

import { errnoOf, ProtocolError } from '../base/errors.ts'
import { hashOf, type Token } from '../core/content.ts'
import { BlockList, blockHash, blockHashBytes, ContentSum, type Grain, hashOfBlocks } from '../core/content-sum.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inTree, type OpenFile, type PatchedFile, type Stat } from '../disk/disk.ts'
import type { Build, Fill, Reuse } from '../wire/sync-message.ts'
import type { Litter } from './litter.ts'
import type { Partials } from './partials.ts'
import { sliceBlocks } from './sliced-sum.ts'
import type { StagedFile } from './stage.ts'

/** Files under comparison or in the making at once; the other end keeps to far fewer. */
const assembliesMax = 32
/** Blocks of a file that is put together; a larger one comes as a whole. */
export const assembledBlocksMax = 2 ** 18
/** Hashes told in one message. */
const toldBlocks = 256

/** Hashes of the next blocks of what this end has; `size` bytes in all when they are the last. */
export interface ToldBlocks {
  id: number
  hashes: Buffer
  size: number | undefined
}

export type AssemblyResult = 'partial' | 'staged' | 'damaged' | 'failed' | 'unknown'

/** Where content may be that the other end wants to compare with. */
export interface Sources {
  /** Paths, the first that has a large file counts. */
  paths: Path[]
  token: Token
}

interface Assembly {
  id: number
  path: Path
  /** The private file that holds what is compared, and with `isPatched` becomes the new content. */
  name: string | undefined
  file: PatchedFile | undefined
  /** What it is copied from, while it is. */
  source: OpenFile | undefined
  state: 'comparing' | 'compared' | 'building'
  blocks: BlockList
  told: number
  size: number
  build: Patching | Joining | undefined
}

interface Patching {
  kind: 'patching'
  message: Build
  hashes: Buffer
  /** Nothing may come below. */
  at: number
}

interface Joining {
  kind: 'joining'
  message: Build
  name: string
  file: PatchedFile
  sum: ContentSum
  at: number
}

/** What a file that is finished gets. */
export interface Finish {
  mode(path: Path, token: Token): number
  /** As in {@link FileStamp}. */
  time(mtimeMs: number): number
}

/**
 * Large files that are put together of what is here and of what the other end sends (`docs/decisions/0016-large-files.md`).
 * What may be of use is copied into a private file and hashed on the way, block by block, so that whatever is built of it
 * is proven: no byte is taken for what it was, each counts as what was written.
 */
export class Assemblies {
  /** Why the last step failed. */
  failure = ''
  private readonly disk: Disk
  private readonly litter: Litter
  private readonly partials: Partials
  private readonly grain: Grain
  private readonly finish: Finish
  private readonly byId = new Map<number, Assembly>()
  private readonly ready = new Map<number, { staged: StagedFile; path: Path }>()
  /** Of those that are compared, in their order. */
  private readonly comparing: Assembly[] = []

  constructor(disk: Disk, litter: Litter, partials: Partials, grain: Grain, finish: Finish) {
    this.disk = disk
    this.litter = litter
    this.partials = partials
    this.grain = grain
    this.finish = finish
  }

  /** @throws ProtocolError where there are too many */
  compare(id: number, path: Path, sources: Sources): void {
    if (this.byId.has(id) || this.ready.has(id)) throw new ProtocolError('two comparisons of one number')
    if (this.byId.size + this.ready.size >= assembliesMax) throw new ProtocolError('too many comparisons')
    const blocks = new BlockList()
    const assembly: Assembly = {
      id,
      path,
      name: undefined,
      file: undefined,
      source: undefined,
      state: 'comparing',
      blocks,
      told: 0,
      size: 0,
      build: undefined,
    }
    this.byId.set(id, assembly)
    this.comparing.push(assembly)
    this.trying(assembly, () => this.open(assembly, sources))
  }

  get hasWork(): boolean {
    return this.comparing.length > 0
  }

  /** Reads a little of what is compared. @returns what is to be told of it */
  step(): ToldBlocks | undefined {
    const assembly = this.comparing[0]
    if (assembly === undefined) return undefined
    const isDone = this.trying(assembly, () => this.read(assembly)) ?? true
    if (!isDone && assembly.blocks.count - assembly.told < toldBlocks) return undefined
    const hashes = Buffer.from(assembly.blocks.from(assembly.told))
    assembly.told = assembly.blocks.count
    if (isDone) {
      this.comparing.shift()
      assembly.source?.close()
      assembly.source = undefined
      assembly.state = 'compared'
    }
    return { id: assembly.id, hashes, size: isDone ? assembly.size : undefined }
  }

  /** @throws ProtocolError where it is not what was asked for */
  build(message: Build): AssemblyResult {
    const assembly = this.byId.get(message.id)
    if (assembly === undefined) return 'unknown'
    const blocks = Math.ceil(message.size / this.grain.blockBytes)
    const isOne = message.size > this.grain.smallBytesMax && blocks <= assembledBlocksMax
    if (assembly.state !== 'compared' || !isOne) throw new ProtocolError('content that was not compared')
    assembly.state = 'building'
    return this.trying(assembly, () => this.begin(assembly, message, blocks)) ?? this.fail(assembly)
  }

  /** @throws ProtocolError where it is out of order */
  fill({ id, offset, bytes, last }: Fill): AssemblyResult {
    const assembly = this.byId.get(id)
    const build = assembly?.build
    if (assembly === undefined) return 'unknown'
    if (build === undefined || offset < build.at || offset + bytes.length > build.message.size)
      throw new ProtocolError('content out of order')
    const step = () => {
      if (build.kind === 'patching') this.patch(assembly, build, offset, bytes)
      else this.append(build, offset, bytes)
      return last ? this.end(assembly, build) : 'partial'
    }
    return this.trying(assembly, step) ?? this.fail(assembly)
  }

  /** @throws ProtocolError where there are no such blocks */
  reuse({ id, block, count }: Reuse): AssemblyResult {
    const assembly = this.byId.get(id)
    const build = assembly?.build
    if (assembly === undefined) return 'unknown'
    const { blockBytes } = this.grain
    const from = block * blockBytes
    const length = Math.min(count * blockBytes, assembly.size - from)
    const isThere = build?.kind === 'joining' && length > (count - 1) * blockBytes && assembly.file !== undefined
    if (!isThere || build.at + length > build.message.size) throw new ProtocolError('blocks that are not there')
    const step = () => {
      this.append(build, build.at, assembly.file!.read(from, length))
      return 'partial' as const
    }
    return this.trying(assembly, step) ?? this.fail(assembly)
  }

  /** The file of what was put together; the caller owns it from now on. */
  take(id: number): StagedFile | undefined {
    const ready = this.ready.get(id)
    this.ready.delete(id)
    return ready?.staged
  }

  /** The other end has no use for it any more; what it sent of it may be of use to the next one. */
  forget(id: number): void {
    const assembly = this.byId.get(id)
    if (assembly !== undefined) this.leave(assembly)
  }

  /** The connection is gone: what arrived stays for the next one. */
  clear(): void {
    for (const assembly of [...this.byId.values()]) this.leave(assembly)
    for (const { staged, path } of this.ready.values()) this.partials.keep(path, staged.name)
    this.ready.clear()
  }

  /** Names that are in use. */
  *names(): Generator<string> {
    for (const { name, build } of this.byId.values()) {
      if (name !== undefined) yield name
      if (build?.kind === 'joining') yield build.name
    }
    for (const { staged } of this.ready.values()) yield staged.name
  }

  private open(assembly: Assembly, { paths, token }: Sources): void {
    const { disk, partials } = this
    const place = paths.find(path => this.isSource(disk.stat(inTree(path))))
    const there = place === undefined ? 0 : (disk.stat(inTree(place))?.size ?? 0)
    // What arrived of it before is nearer to it than what stood there, unless it is little.
    const partial = partials.take(assembly.path, there / 2)
    if (partial !== undefined) {
      assembly.name = partial
      assembly.file = disk.patch(partial)
      assembly.size = assembly.file.size()
      return
    }
    const source = place === undefined ? this.partials.inTrash(token) : inTree(place)
    if (source === undefined) return
    assembly.source = disk.open(source)
    this.make(assembly)
  }

  private isSource(stat: Stat | null): boolean {
    if (stat?.kind !== 'file' || stat.mount || stat.size <= this.grain.smallBytesMax) return false
    return stat.size <= assembledBlocksMax * this.grain.blockBytes
  }

  private make(assembly: Assembly): void {
    assembly.name = this.partials.newName(assembly.path)
    this.disk.create(assembly.name).close()
    assembly.file = this.disk.patch(assembly.name)
  }

  /** @returns true when all of it was read */
  private read(assembly: Assembly): boolean {
    const { source, file, blocks } = assembly
    if (file === undefined) return true
    const { blockBytes } = this.grain
    const at = blocks.count * blockBytes
    const from = source ?? file
    const bytes = from.read(at, sliceBlocks * blockBytes)
    for (let offset = 0; offset < bytes.length; offset += blockBytes)
      blocks.push(blockHash(bytes.subarray(offset, offset + blockBytes)))
    const end = at + bytes.length
    if (source !== undefined) {
      if (!isBlank(bytes)) file.writeAt(at, bytes)
      assembly.size = end
    }
    const isDone = bytes.length < sliceBlocks * blockBytes || blocks.count >= assembledBlocksMax
    if (isDone) {
      if (source !== undefined) file.resize(end)
      assembly.size = end
    }
    return isDone
  }

  private begin(assembly: Assembly, message: Build, count: number): AssemblyResult {
    const { size, isPatched } = message
    if (!isPatched) {
      const name = this.partials.newName(assembly.path)
      this.disk.create(name).close()
      const file = this.disk.patch(name)
      assembly.build = { kind: 'joining', message, name, file, sum: new ContentSum(this.grain), at: 0 }
      return 'partial'
    }
    if (assembly.file === undefined) this.make(assembly)
    assembly.file!.resize(size)
    assembly.build = { kind: 'patching', message, hashes: this.resized(assembly.blocks.from(0), size, count), at: 0 }
    return 'partial'
  }

  /** What is hashed already, cut or with zeros behind it: whatever else changes, the other end sends. */
  private resized(hashes: Buffer, size: number, count: number): Buffer {
    const { blockBytes } = this.grain
    const resized = Buffer.alloc(count * blockHashBytes)
    const known = Math.min(hashes.copy(resized) / blockHashBytes, count)
    if (known === count) return resized
    const blank = blockHash(Buffer.alloc(blockBytes))
    for (let block = known; block < count; block++) resized.set(blank, block * blockHashBytes)
    const rest = size - (count - 1) * blockBytes
    if (rest < blockBytes) resized.set(blockHash(Buffer.alloc(rest)), (count - 1) * blockHashBytes)
    return resized
  }

  private patch(assembly: Assembly, build: Patching, offset: number, bytes: Uint8Array): void {
    const { blockBytes } = this.grain
    const end = offset + bytes.length
    if (bytes.length === 0) return
    if (offset % blockBytes !== 0 || (end % blockBytes !== 0 && end !== build.message.size))
      throw new ProtocolError('a part of a block')
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const hash = blockHash(bytes.subarray(at, at + blockBytes))
      build.hashes.set(hash, ((offset + at) / blockBytes) * blockHashBytes)
    }
    assembly.file!.writeAt(offset, bytes)
    build.at = end
  }

  private append(build: Joining, offset: number, bytes: Uint8Array): void {
    if (offset !== build.at) throw new ProtocolError('content out of order')
    build.sum.update(bytes)
    if (bytes.length > 0 && !isBlank(bytes)) build.file.writeAt(offset, bytes)
    build.at += bytes.length
  }

  private end(assembly: Assembly, build: Patching | Joining): AssemblyResult {
    const { token, size, mtimeMs } = build.message
    const isJoined = build.kind === 'joining'
    const hash = isJoined ? build.sum.digest().hash : hashOfBlocks(build.hashes)
    if (hash !== hashOf(token) || (isJoined && build.at !== size)) {
      this.discard(assembly)
      return 'damaged'
    }
    const file = isJoined ? build.file : assembly.file!
    const name = isJoined ? build.name : assembly.name!
    if (isJoined) file.resize(size)
    const mode = this.finish.mode(assembly.path, token)
    const stat = file.finish({ mode, mtimeMs: this.finish.time(mtimeMs) })
    this.byId.delete(assembly.id)
    if (isJoined) this.remove(assembly.file, assembly.name)
    this.ready.set(assembly.id, { staged: { name, token, mode, stat }, path: assembly.path })
    return 'staged'
  }

  /** Runs a step of one; undefined where the system said no. */
  private trying<T>(assembly: Assembly, step: () => T): T | undefined {
    try {
      return step()
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      this.failure = code
      // What was told of it counts no more.
      if (assembly.state === 'comparing') this.reduce(assembly)
      return undefined
    }
  }

  /** It cannot be compared: there is nothing of it here. */
  private reduce(assembly: Assembly): void {
    this.remove(assembly.file, assembly.name)
    assembly.source?.close()
    Object.assign(assembly, {
      file: undefined,
      name: undefined,
      source: undefined,
      size: 0,
      blocks: new BlockList(),
      told: 0,
    })
  }

  private fail(assembly: Assembly): 'failed' {
    this.discard(assembly)
    return 'failed'
  }

  private discard(assembly: Assembly): void {
    this.detach(assembly)
    this.remove(assembly.file, assembly.name)
    if (assembly.build?.kind === 'joining') this.remove(assembly.build.file, assembly.build.name)
  }

  private detach(assembly: Assembly): void {
    this.byId.delete(assembly.id)
    const at = this.comparing.indexOf(assembly)
    if (at >= 0) this.comparing.splice(at, 1)
    assembly.source?.close()
  }

  /** Keeps what is of most use. */
  private leave(assembly: Assembly): void {
    const { build, file, name, path } = assembly
    if (build === undefined || name === undefined) {
      const isJoining = build?.kind === 'joining' && build.at > 0
      if (!isJoining) {
        this.discard(assembly)
        return
      }
    }
    this.detach(assembly)
    if (build?.kind === 'joining') {
      const isFar = 2 * build.at > assembly.size
      if (isFar) {
        build.file.close()
        this.partials.keep(path, build.name)
        this.remove(file, name)
        return
      }
      this.remove(build.file, build.name)
    }
    file?.close()
    if (name !== undefined) this.partials.keep(path, name)
  }

  private remove(file: PatchedFile | undefined, name: string | undefined): void {
    file?.close()
    if (name !== undefined) this.litter.remove(name)
  }
}

function isBlank(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // The first byte is zero, and each is equal to the one before it.
  return view.length > 0 && view[0] === 0 && view.compare(view, 0, view.length - 1, 1) === 0
}

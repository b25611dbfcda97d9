import { errnoOf, ProtocolError } from '../base/errors.ts'
import { BlockMarks, type BlockMeasure, proofOfMarks, sha256OfBlocks } from '../core/block-marks.ts'
import { hashOf, type Token } from '../core/content.ts'
import { hashOfBlocks } from '../core/content-sum.ts'
import type { Path } from '../core/path.ts'
import type { Build, Fill, Reuse } from '../wire/content-message.ts'
import { assembledBlocksMax, Basis, type BasisPorts, type Sources } from './basis.ts'
import { Joining } from './joining.ts'
import { Patching } from './patching.ts'
import { SliceMemory, sliceBlocks } from './sliced-sum.ts'
import type { StagedFile } from './stage.ts'

/** Files under comparison or in the making at once; the other end keeps to far fewer. */
const assembliesMax = 32
/** Blocks that one message tells of. */
const toldBlocks = 256

/** What the next blocks of what this end has are told by; `size` bytes in all when they are the last. */
export interface ToldBlocks {
  id: number
  hashes: Buffer
  size: number | undefined
}

export type AssemblyResult = 'partial' | 'staged' | 'damaged' | 'failed' | 'unknown'

interface Assembly {
  id: number
  path: Path
  measure: BlockMeasure
  basis: Basis
  state: 'comparing' | 'compared' | 'building'
  build: Patching | Joining | undefined
}

/** What a file that is finished gets. */
export interface Finish {
  mode(path: Path, token: Token): number
  /** As in {@link FileStamp}. */
  time(mtimeMs: number): number
}

/**
 * Large files that are put together of what is here and of what the other end sends (`docs/decisions/0016-large-files.md`).
 * What may be of use is copied into a private file and measured on the way, block by block, so that whatever is built of
 * it is proven: no byte is taken for what it was, each counts as what was written.
 */
export class Assemblies {
  /** Why the last step failed. */
  failure = ''
  private readonly ports: BasisPorts
  private readonly finish: Finish
  private readonly byId = new Map<number, Assembly>()
  private readonly ready = new Map<number, { staged: StagedFile; path: Path }>()
  /** Of those that are compared, in their order. */
  private readonly comparing: Assembly[] = []
  /** For a slice, while there is something under comparison or in the making. */
  private readonly memory: SliceMemory

  constructor(ports: BasisPorts, finish: Finish) {
    this.ports = ports
    this.memory = new SliceMemory(ports.grain)
    this.finish = finish
  }

  /**
   * @param key under which blocks are told by their marks; else by their sha256
   * @throws ProtocolError where there are too many
   */
  compare(id: number, path: Path, sources: Sources, key?: Uint8Array): void {
    if (this.byId.has(id) || this.ready.has(id)) throw new ProtocolError('two comparisons of one number')
    if (this.byId.size + this.ready.size >= assembliesMax) throw new ProtocolError('too many comparisons')
    const measure = key === undefined ? sha256OfBlocks : new BlockMarks(key, this.ports.grain)
    const basis = new Basis(this.ports, path, measure)
    const assembly: Assembly = { id, path, measure, basis, state: 'comparing', build: undefined }
    this.byId.set(id, assembly)
    this.comparing.push(assembly)
    this.trying(assembly, () => basis.open(sources))
  }

  get hasWork(): boolean {
    return this.comparing.length > 0
  }

  /** Reads a little of what is compared. @returns what is to be told of it */
  step(): ToldBlocks | undefined {
    const assembly = this.comparing[0]
    if (assembly === undefined) return undefined
    const { id, basis } = assembly
    const isDone = this.trying(assembly, () => basis.read(this.memory.get())) ?? true
    if (!isDone && basis.untold < toldBlocks) return undefined
    if (isDone) {
      this.comparing.shift()
      assembly.state = 'compared'
    }
    return { id, hashes: basis.tell(), size: isDone ? basis.size : undefined }
  }

  /** @throws ProtocolError where it is not what was asked for */
  build(message: Build): AssemblyResult {
    const assembly = this.byId.get(message.id)
    if (assembly === undefined) return 'unknown'
    const { grain, disk, partials } = this.ports
    const { basis, measure, path } = assembly
    const isOne = message.size > grain.smallBytesMax && Math.ceil(message.size / grain.blockBytes) <= assembledBlocksMax
    if (assembly.state !== 'compared' || !isOne) throw new ProtocolError('content that was not compared')
    const isMarked = measure !== sha256OfBlocks
    if (isMarked !== (message.proof !== undefined))
      throw new ProtocolError('another proof than that of what was compared')
    assembly.state = 'building'
    const begin = () => {
      assembly.build = message.isPatched
        ? new Patching(message, basis, measure, grain)
        : new Joining(message, disk, partials.newName(path), measure, grain)
      return 'partial' as const
    }
    return this.trying(assembly, begin) ?? this.fail(assembly)
  }

  /** @throws ProtocolError where it is out of order */
  fill({ id, offset, bytes, last }: Fill): AssemblyResult {
    const assembly = this.byId.get(id)
    const build = assembly?.build
    if (assembly === undefined) return 'unknown'
    if (build === undefined || offset < build.at || offset + bytes.length > build.message.size)
      throw new ProtocolError('content out of order')
    const step = () => {
      build.fill(offset, bytes)
      return last ? this.end(assembly, build) : 'partial'
    }
    return this.trying(assembly, step) ?? this.fail(assembly)
  }

  /** @throws ProtocolError where there are no such blocks */
  reuse({ id, block, count }: Reuse): AssemblyResult {
    const assembly = this.byId.get(id)
    if (assembly === undefined) return 'unknown'
    const { build, basis } = assembly
    const { blockBytes } = this.ports.grain
    const from = block * blockBytes
    const end = Math.min(from + count * blockBytes, basis.size)
    const { file } = basis
    const isThere = build?.kind === 'joining' && end - from > (count - 1) * blockBytes && file !== undefined
    if (!isThere || build.at + end - from > build.message.size) throw new ProtocolError('blocks that are not there')
    const step = () => {
      for (let at = from; at < end; ) {
        const bytes = file.read(at, Math.min(sliceBlocks * blockBytes, end - at), this.memory.get())
        // Nobody else writes to it: then the disk has lost something.
        if (bytes.length === 0) return this.damaged(assembly)
        build.fill(build.at, bytes)
        at += bytes.length
      }
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
    for (const { staged, path } of this.ready.values()) this.ports.partials.keep(path, staged.name)
    this.ready.clear()
  }

  /** Names that are in use. */
  *names(): Generator<string> {
    for (const { basis, build } of this.byId.values()) {
      if (basis.name !== undefined) yield basis.name
      if (build?.kind === 'joining') yield build.name
    }
    for (const { staged } of this.ready.values()) yield staged.name
  }

  private end(assembly: Assembly, build: Patching | Joining): AssemblyResult {
    const { basis, path, id } = assembly
    const { token, size, mtimeMs, proof } = build.message
    const isJoined = build.kind === 'joining'
    const values = isJoined ? build.end() : build.values
    const isProven = proof === undefined ? hashOfBlocks(values) === hashOf(token) : proofOfMarks(values).equals(proof)
    if (!isProven || (isJoined && build.at !== size)) return this.damaged(assembly)
    const file = isJoined ? build.file : basis.file!
    const name = isJoined ? build.name : basis.name!
    const mode = this.finish.mode(path, token)
    const stat = file.finish({ mode, mtimeMs: this.finish.time(mtimeMs) })
    this.drop(assembly)
    this.ready.set(id, { staged: { name, token, mode, stat }, path })
    if (isJoined) basis.remove()
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
      if (assembly.state === 'comparing') assembly.basis.reduce()
      return undefined
    }
  }

  private fail(assembly: Assembly): 'failed' {
    this.discard(assembly)
    return 'failed'
  }

  private damaged(assembly: Assembly): 'damaged' {
    this.discard(assembly)
    return 'damaged'
  }

  private discard(assembly: Assembly): void {
    const { basis, build } = assembly
    this.drop(assembly)
    basis.remove()
    if (build?.kind === 'joining') this.remove(build)
  }

  private drop(assembly: Assembly): void {
    this.byId.delete(assembly.id)
    const at = this.comparing.indexOf(assembly)
    if (at >= 0) this.comparing.splice(at, 1)
    if (this.byId.size === 0) this.memory.giveBack()
  }

  /** Keeps what is of most use. */
  private leave(assembly: Assembly): void {
    const { build, basis, path } = assembly
    const { partials } = this.ports
    const { name } = basis
    const isFar = build?.kind === 'joining' && 2 * build.at > basis.size
    if (isFar && build.at > 0) {
      this.drop(assembly)
      build.file.close()
      partials.keep(path, build.name)
      basis.remove()
    } else if (build === undefined || name === undefined) this.discard(assembly)
    else {
      this.drop(assembly)
      if (build.kind === 'joining') this.remove(build)
      basis.close()
      partials.keep(path, name)
    }
  }

  private remove({ file, name }: Joining): void {
    file.close()
    this.ports.litter.remove(name)
  }
}

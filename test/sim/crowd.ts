import { errnoOf } from '../../syncer/base/errors.ts'
import { type Path, parentOf } from '../../syncer/core/path.ts'
import type { MemoryDisk } from '../../syncer/disk/memory-disk.ts'
import type { Inode } from '../../syncer/disk/memory-inode.ts'
import type { PersonFile } from '../../syncer/disk/memory-people.ts'
import type { Checker } from './checker.ts'
import type { Random } from './random.ts'

export const usualDeeds = {
  save: 8,
  edit: 6,
  saveBig: 2,
  inPlace: 4,
  overwrite: 3,
  recreate: 3,
  append: 4,
  openForLater: 3,
  continueWriting: 8,
  remove: 4,
  move: 3,
  mkdir: 1,
  removeAll: 2,
  chmod: 1,
  symlink: 1,
  undo: 2,
  touch: 1,
  moveFolder: 0,
  /** A file or link gives way to a folder with a file in it, at once. */
  becomeFolder: 0,
  /** A FIFO or a socket. */
  special: 0,
  /** Another file system, over what stands there. */
  mount: 0,
}

/** What folders are renamed to. */
const folderNames: Path[] = ['d', 'e', 'x', 'd/e', 'e/x']

type Deed = keyof typeof usualDeeds
/** How often each is done. */
export type Deeds = Partial<Record<Deed, number>>

export interface CrowdOptions {
  disk: MemoryDisk
  checker: Checker
  random: Random
  paths: Path[]
  nowMs: () => number
  /** They only write, and neither move nor remove. */
  gentle: boolean
  /** Size of large contents. */
  bigBytes: number
  /** What they do, where not gentle. */
  deeds?: Deeds
  /** Told of each path where something was tried, done or not. */
  onTried: (path: Path) => void
  /** Told of each folder that has another name now. */
  onMoved: (from: Path, to: Path) => void
}

/** Deeds after which everything that somebody wrote is still where they wrote it, or overwritten by them. */
const harmless: Deeds = {
  save: 8,
  edit: 6,
  saveBig: 2,
  inPlace: 4,
  append: 4,
  openForLater: 3,
  continueWriting: 8,
}
const writes: Deeds = { append: 1, inPlace: 1, continueWriting: 2 }

/** How long a descriptor is written to at most: the engine looks for late writes for 60 s. */
const writerLifeMs = 50_000

/** The people and programs at one end, acting at random on a few paths. */
export class Crowd {
  /** Paths that something was done to since the last call of {@link Crowd.takeTouched}. */
  #touched: Path[] = []
  #writers: { file: PersonFile; path: Path; sinceMs: number }[] = []
  readonly #saved: string[] = []
  readonly #disk: MemoryDisk
  readonly #checker: Checker
  readonly #random: Random
  readonly #paths: Path[]
  readonly #nowMs: () => number
  readonly #deeds: Deeds
  readonly #bigBytes: number
  readonly #onTried: (path: Path) => void
  readonly #onMoved: (from: Path, to: Path) => void

  constructor(options: CrowdOptions) {
    this.#disk = options.disk
    this.#checker = options.checker
    this.#random = options.random
    this.#paths = options.paths
    this.#nowMs = options.nowMs
    this.#bigBytes = options.bigBytes
    this.#onTried = options.onTried
    this.#onMoved = options.onMoved
    this.#deeds = options.gentle ? harmless : (options.deeds ?? usualDeeds)
  }

  /**
   * Does one thing.
   * @param namesStay only writes into files that are open or there: no name may change
   * @returns what was done, for the trace
   */
  act(namesStay = false): string {
    const deed = this.#random.weighted(namesStay ? writes : this.#deeds)
    const path = this.#random.pick(this.#paths)
    this.#onTried(path)
    try {
      if (namesStay && deed !== 'continueWriting' && this.#disk.people.find(path)?.kind !== 'file') return 'nothing'
      return this.#do(deed, path)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      return `${deed} ${path} fails: ${code}`
    }
  }

  takeTouched(): Path[] {
    return this.#touched.splice(0)
  }

  /** What does not travel goes away: FIFOs and mounts. */
  clearAway(): void {
    const visit = (dir: Inode) => {
      for (const [name, inode] of dir.entries!) {
        inode.mount = false
        if (inode.kind === 'other') this.#disk.volume.setName(dir, name, undefined)
        if (inode.kind === 'dir') visit(inode)
      }
    }
    visit(this.#disk.volume.tree)
  }

  /** The machine is gone, and with it every open file. */
  stop(): void {
    for (const writer of this.#writers) writer.file.close()
    this.#writers = []
  }

  #do(deed: Deed, path: Path): string {
    const { people } = this.#disk
    const done = (what: string) => {
      this.#touched.push(path)
      this.#seeAt(path)
      return `${deed} ${path} ${what}`
    }
    switch (deed) {
      case 'save':
        return done(this.#save(path, this.#checker.token()))
      case 'saveBig':
        return done(this.#save(path, this.#checker.token().padEnd(this.#bigBytes, '.')))
      case 'edit':
        return done(this.#save(path, people.read(path).toString('latin1') + this.#checker.token()))
      case 'undo':
        return this.#saved.length === 0 ? 'nothing' : done(this.#save(path, this.#random.pick(this.#saved.slice(-6))))
      case 'inPlace': {
        const file = people.open(path, 'w')
        this.#writers.push({ file, path, sinceMs: this.#nowMs() })
        return done('truncated')
      }
      case 'overwrite':
      case 'recreate': {
        // At once: as `writeFileSync` does, and as `git checkout` does, which unlinks first.
        const token = this.#checker.token()
        if (deed === 'recreate') people.unlink(path)
        const file = people.open(path, 'w')
        file.write(Buffer.from(token, 'latin1'))
        file.close()
        return done(token)
      }
      case 'openForLater':
        this.#writers.push({ file: people.open(path, 'r+'), path, sinceMs: this.#nowMs() })
        return `${deed} ${path}`
      case 'continueWriting':
        return this.#continue()
      case 'append': {
        const token = this.#checker.token()
        people.append(path, Buffer.from(token, 'latin1'))
        return done(token)
      }
      case 'move': {
        const to = this.#random.pick(this.#paths)
        this.#onTried(to)
        this.#makeParent(to)
        const moved = people.find(path)
        people.rename(path, to)
        if (moved?.kind === 'file') this.#checker.moves(to, moved.bytes)
        this.#touched.push(to)
        this.#seeAt(to)
        return done(`→ ${to}`)
      }
      case 'moveFolder': {
        const from = this.#random.pick(folderNames)
        const to = this.#random.pick(folderNames)
        if (people.find(from)?.kind !== 'dir' || people.find(to) !== undefined) return 'nothing'
        people.rename(from, to)
        this.#onMoved(from, to)
        this.#touched.push(from, to)
        return `${deed} ${from} → ${to}`
      }
      case 'becomeFolder': {
        const there = people.find(path)
        if (there === undefined || there.kind === 'dir') return 'nothing'
        people.unlink(path)
        people.mkdir(path)
        const token = this.#checker.token()
        people.save(`${path}/in`, Buffer.from(token, 'latin1'))
        return done(token)
      }
      case 'special':
        people.special(path)
        return done('')
      case 'mount': {
        // The memory disk mounts on what is there, not on its name: one name only.
        const there = people.find(path)
        if (there === undefined || there.links > 1) return 'nothing'
        people.mount(path)
        return done('')
      }
      case 'mkdir':
        people.mkdir(path)
        return done('')
      case 'remove':
        people.unlink(path)
        return done('')
      case 'removeAll': {
        const from = this.#random.chance(0.5) ? path : parentOf(path) || path
        this.#onTried(from)
        people.removeAll(from)
        this.#touched.push(from)
        return `${deed} ${from}`
      }
      case 'chmod': {
        const mode = this.#random.chance(0.5) ? 0o755 : 0o644
        if (people.find(path)?.kind !== 'file') return 'nothing'
        people.chmod(path, mode)
        return done(mode.toString(8))
      }
      case 'symlink': {
        this.#makeParent(path)
        const target = this.#random.pick(['f', 'x', '..'])
        if (people.find(path)?.kind === 'file' && this.#random.chance(0.5)) people.unlink(path)
        people.symlink(target, path)
        return done(`→ ${target}`)
      }
      case 'touch':
        people.chmod(path, people.find(path)?.mode ?? 0o644)
        return done('')
    }
  }

  #save(path: Path, text: string): string {
    const { people } = this.#disk
    this.#makeParent(path)
    if (people.find(path)?.kind === 'dir' && this.#deeds !== harmless && this.#random.chance(0.3))
      people.removeAll(path)
    people.save(path, Buffer.from(text, 'latin1'))
    this.#saved.push(text)
    return text
  }

  #continue(): string {
    const at = this.#random.below(this.#writers.length)
    const writer = this.#writers[at]
    if (writer === undefined) return 'nothing'
    const ends = this.#nowMs() - writer.sinceMs > writerLifeMs
    const token = ends ? '' : this.#checker.token()
    if (!ends) writer.file.write(Buffer.from(token, 'latin1'))
    if (ends || this.#random.chance(0.4)) {
      writer.file.close()
      this.#writers.splice(at, 1)
    }
    this.#touched.push(writer.path)
    this.#seeAt(writer.path)
    return `late write ${writer.path} ${token}`
  }

  #seeAt(path: Path): void {
    const there = this.#disk.people.find(path)
    if (there?.kind === 'file') this.#checker.stands(path, there.bytes)
  }

  #makeParent(path: Path): void {
    const parent = parentOf(path)
    if (parent === '') return
    const there = this.#disk.people.find(parent)
    if (there?.kind === 'file' && this.#random.chance(0.3)) this.#disk.people.unlink(parent)
    this.#disk.people.mkdir(parent)
  }
}

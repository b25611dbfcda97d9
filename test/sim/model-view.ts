import type { Clock } from '../../syncer/base/clock.ts'
import { errnoOf } from '../../syncer/base/errors.ts'
import { absent, folder, type Token } from '../../syncer/core/content.ts'
import { joinPath, type Path } from '../../syncer/core/path.ts'
import { type Disk, inTree, type Stat } from '../../syncer/disk/disk.ts'
import type { Message } from './model-message.ts'
import type { Rule } from './model-rules.ts'
import { type Content, contentAt } from './model-trash.ts'
import type { EndPorts } from './subject.ts'

/** Tells what stands in one end's folder, and which of it is known without reading. */
export class ModelView {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #without: ReadonlySet<Rule>
  readonly #ignored: (path: Path) => boolean
  readonly #isAgreedFolder: (path: Path) => boolean
  readonly #cache = new Map<Path, { stat: Stat; token: Token }>()
  #wallAhead = Number.NEGATIVE_INFINITY

  /** @param isAgreedFolder whether both ends agreed on a folder there */
  constructor(ports: EndPorts<Message>, without: ReadonlySet<Rule>, isAgreedFolder: (path: Path) => boolean) {
    this.#disk = ports.disk
    this.#clock = ports.clock
    this.#without = without
    this.#ignored = ports.ignored
    this.#isAgreedFolder = isAgreedFolder
  }

  /** Every path at and below `from`, parents first. A folder that cannot be read is an error, never an empty one. */
  scan(from: Path): Map<Path, Stat> {
    const found = new Map<Path, Stat>()
    const visit = (dir: Path) => {
      for (const { name, ...stat } of this.#disk.listStats(dir)) {
        const path = joinPath(dir, name)
        if (this.#ignored(path)) continue
        found.set(path, stat)
        if (stat.kind === 'dir') visit(path)
      }
    }
    const top = this.#disk.stat(inTree(from))
    if (top?.kind === 'dir') visit(from)
    return found
  }

  /** What stands there; undefined where that cannot be told now. */
  look(path: Path): Token | undefined {
    try {
      const stat = this.#disk.stat(inTree(path))
      if (stat === null) return absent
      if (stat.kind === 'dir') return this.#isAgreedFolder(path) || !this.isShell(path) ? folder : absent
      const cached = this.#cached(path)
      if (cached !== undefined && same(cached.stat, stat)) return cached.token
      return this.read(path)?.token
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** A folder that stands only for what does not travel. */
  isShell(path: Path): boolean {
    if (this.#without.has('shells are absent')) return false
    const names = this.#disk.list(path)
    return names.length > 0 && names.every(({ name }) => this.#ignored(joinPath(path, name)))
  }

  /** Token and bytes of one moment; undefined where it is no file or link, or changes. */
  read(path: Path): Content | undefined {
    const startedNs = this.#nowNs()
    try {
      const content = contentAt(this.#disk, inTree(path))
      if (content === undefined || (content.torn && !this.#without.has('stat after read'))) return undefined
      const { token, stat } = content
      const racy = stat.ctimeNs >= startedNs - this.#disk.timestampGranuleNs
      if (!racy || this.#without.has('racy reads')) this.#cache.set(path, { stat, token })
      // The times prove nothing then, not even that it was whole: twice the same does.
      const once = !racy || this.#without.has('racy reads twice') || this.#without.has('stat after read')
      return once || contentAt(this.#disk, inTree(path))?.token === token ? content : undefined
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** What we just put there is known without reading, if nobody can have written since without showing. */
  trust(path: Path, token: Token, made: Stat): void {
    const nowNs = this.#nowNs()
    const stat = this.#disk.stat(inTree(path))
    if (stat === null) return
    // The mode too: a chmod leaves the modification time as it is.
    const ours =
      stat.ino === made.ino &&
      stat.mtimeNs === made.mtimeNs &&
      stat.size === made.size &&
      (stat.mode === made.mode || this.#without.has('mode in the proof'))
    const tellable = made.mtimeNs < nowNs - this.#disk.timestampGranuleNs
    if (this.#without.has('proof after apply') || (ours && tellable)) this.#cache.set(path, { stat, token })
  }

  #cached(path: Path): { stat: Stat; token: Token } | undefined {
    this.#nowNs()
    return this.#cache.get(path)
  }

  /** Forgets all hashes when the wall clock went back: a change could carry a time stamp that was seen already. */
  #nowNs(): bigint {
    const ahead = this.#clock.now() - this.#clock.monotonic()
    if (ahead < this.#wallAhead - 0.001 && !this.#without.has('clock steps back')) this.#cache.clear()
    this.#wallAhead = ahead
    return BigInt(Math.floor(this.#clock.now() * 1000)) * 1000n
  }
}

function same(a: Stat, b: Stat): boolean {
  return (
    a.kind === b.kind &&
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.mode === b.mode
  )
}

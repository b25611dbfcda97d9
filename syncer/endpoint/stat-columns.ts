import type { Token } from '../core/content.ts'
import type { EntryKind, Stat } from '../disk/disk.ts'

/** Place of nothing. */
export const noRow = -1

const rowsAtStart = 256
const kinds: readonly EntryKind[] = ['file', 'dir', 'link', 'other']
const kindShift = 16
const mountBit = 1 << 18
/** The inode number has its 64th bit, and is no negative number. */
const unsignedBit = 1 << 19
const modeMask = 0o7777
/** `f` or `x`, then the hash. */
const tokenBytes = 33
const inodeMax = 2n ** 63n - 1n

/**
 * Stats by the number of their row. As objects they would be most of what a large index takes, and most of what the
 * garbage collector copies while it grows (sync-findings E.23).
 */
export class StatColumns {
  private mtimes = new BigInt64Array(rowsAtStart)
  private ctimes = new BigInt64Array(rowsAtStart)
  private inodes = new BigInt64Array(rowsAtStart)
  private sizes = new Float64Array(rowsAtStart)
  /** Mode, kind and mount. */
  private kinds = new Uint32Array(rowsAtStart)
  /** Tokens of files, of rows that have one here; not there before there are some. */
  private tokens: Buffer | undefined
  private used = 0
  private readonly free: number[] = []

  /** @param row {@link noRow} for a new one @returns the row that holds it now */
  put(row: number, stat: Stat): number {
    const at = row === noRow ? this.take() : row
    this.mtimes[at] = stat.mtimeNs
    this.ctimes[at] = stat.ctimeNs
    this.inodes[at] = stat.ino
    this.sizes[at] = stat.size
    const bits = (stat.mount ? mountBit : 0) | (stat.ino > inodeMax ? unsignedBit : 0)
    this.kinds[at] = (kinds.indexOf(stat.kind) << kindShift) | bits | (stat.mode & modeMask)
    return at
  }

  /** @param token of a file whose hash is known */
  putToken(row: number, token: Token): void {
    this.tokens ??= Buffer.alloc(this.sizes.length * tokenBytes)
    const at = row * tokenBytes
    this.tokens[at] = token.charCodeAt(0)
    this.tokens.write(token.slice(1), at + 1, 'hex')
  }

  /** What {@link putToken} was given. */
  tokenOf(row: number): Token {
    const { tokens } = this
    if (tokens === undefined) throw new Error('no token was put here')
    const at = row * tokenBytes
    return String.fromCharCode(tokens[at]!) + tokens.toString('hex', at + 1, at + tokenBytes)
  }

  drop(row: number): void {
    this.free.push(row)
  }

  get(row: number): Stat {
    const word = this.kinds[row]!
    const ino = this.inodes[row]!
    return {
      kind: kinds[(word >> kindShift) & 3]!,
      size: this.sizes[row]!,
      mtimeNs: this.mtimes[row]!,
      ctimeNs: this.ctimes[row]!,
      ino: (word & unsignedBit) === 0 ? ino : BigInt.asUintN(64, ino),
      mode: word & modeMask,
      mount: (word & mountBit) !== 0,
    }
  }

  sizeOf(row: number): number {
    return this.sizes[row]!
  }

  mtimeMsOf(row: number): number {
    return Number(this.mtimes[row]! / 1_000_000n)
  }

  /** {@link sameKey}, without an object. */
  isSame(row: number, stat: Stat): boolean {
    const word = this.kinds[row]!
    return (
      this.sizes[row] === stat.size &&
      (word & modeMask) === stat.mode &&
      kinds[(word >> kindShift) & 3] === stat.kind &&
      this.mtimes[row] === stat.mtimeNs &&
      this.ctimes[row] === stat.ctimeNs &&
      this.inodes[row] === BigInt.asIntN(64, stat.ino)
    )
  }

  private take(): number {
    const free = this.free.pop()
    if (free !== undefined) return free
    if (this.used === this.sizes.length) this.grow()
    return this.used++
  }

  private grow(): void {
    const rows = this.used * 2
    this.mtimes = grown(this.mtimes, new BigInt64Array(rows))
    this.ctimes = grown(this.ctimes, new BigInt64Array(rows))
    this.inodes = grown(this.inodes, new BigInt64Array(rows))
    this.sizes = grown(this.sizes, new Float64Array(rows))
    this.kinds = grown(this.kinds, new Uint32Array(rows))
    if (this.tokens !== undefined) this.tokens = grown(this.tokens, Buffer.alloc(rows * tokenBytes))
  }
}

function grown<T extends BigInt64Array | Float64Array | Uint32Array | Buffer>(from: T, to: T): T {
  to.set(from as never)
  return to
}

/** Same inode, size, times and mode: nothing was written since, unless within the clock's granule. */
export function sameKey(a: Stat, b: Stat): boolean {
  return (
    a.ctimeNs === b.ctimeNs &&
    a.mtimeNs === b.mtimeNs &&
    a.size === b.size &&
    a.ino === b.ino &&
    a.mode === b.mode &&
    a.kind === b.kind
  )
}

import fs from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { decodePath, type Path } from '../core/path.ts'

export interface Mount {
  /** Absolute mount point, see {@link Path} for bytes that are not UTF-8. */
  point: string
  /** As the kernel names it: `tmpfs`, `overlay`, `nfs4`, `fuse.sshfs`, … */
  fileSystem: string
}

/**
 * The mount points below one folder, from `/proc/self/mountinfo`. Device numbers cannot tell them: a bind mount shares
 * its source's number, and overlayfs gives the files of one folder different ones.
 */
export class Mounts {
  /** File system that holds the root; '' where it cannot be known. */
  readonly fileSystem: string
  readonly #root: string
  readonly #clock: Clock
  readonly #read: () => Buffer
  #inside: ReadonlySet<Path> = new Set()
  #readAtMs: number

  /** @param root absolute real path */
  constructor(root: string, clock: Clock, read: () => Buffer = readMountinfo) {
    this.#root = root
    this.#clock = clock
    this.#read = read
    this.#readAtMs = clock.monotonic()
    const mounts = this.#load()
    this.fileSystem = holderOf(mounts, root)?.fileSystem ?? ''
  }

  /** Reads the list again. */
  refresh(): void {
    this.#readAtMs = this.#clock.monotonic()
    this.#load()
  }

  refreshIfOld(): void {
    if (this.#clock.monotonic() - this.#readAtMs >= ageMsMax) this.refresh()
  }

  get isEmpty(): boolean {
    return this.#inside.size === 0
  }

  has(path: Path): boolean {
    return this.#inside.has(path)
  }

  #load(): Mount[] {
    const mounts = parseMountinfo(this.#read())
    const prefix = this.#root === '/' ? '/' : `${this.#root}/`
    const inside = mounts.filter(mount => mount.point.startsWith(prefix)).map(mount => mount.point.slice(prefix.length))
    this.#inside = new Set(inside.filter(path => path !== ''))
    return mounts
  }
}

const ageMsMax = 5_000

/** Empty where there is no such file. */
export function readMountinfo(): Buffer {
  try {
    return fs.readFileSync('/proc/self/mountinfo')
  } catch {
    return Buffer.alloc(0)
  }
}

/**
 * Lines of `/proc/self/mountinfo` (proc(5)): `36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw`.
 * Space, tab, newline and backslash in a path are octal escapes.
 */
export function parseMountinfo(bytes: Buffer): Mount[] {
  const mounts: Mount[] = []
  for (const line of bytes.toString('latin1').split('\n')) {
    const fields = line.split(' ')
    const point = fields[4]
    const fileSystem = fields[fields.indexOf('-', 6) + 1]
    if (point === undefined || fileSystem === undefined || !fields.includes('-', 6)) continue
    mounts.push({ point: decodeOctal(point), fileSystem })
  }
  return mounts
}

function decodeOctal(field: string): string {
  const bytes = field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
  return decodePath(Buffer.from(bytes, 'latin1'))
}

/** The mount whose point is the longest prefix of the path; of two at one point the later one covers the earlier. */
function holderOf(mounts: Mount[], path: string): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const prefix = mount.point === '/' ? '/' : `${mount.point}/`
    if (!`${path}/`.startsWith(prefix)) continue
    if (best === undefined || mount.point.length >= best.point.length) best = mount
  }
  return best
}

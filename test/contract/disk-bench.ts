import { expect } from 'vitest'
import { errnoOf } from '../../syncer/base/errors.ts'
import type { Path } from '../../syncer/core/path.ts'
import { type Disk, inOwn, inTree, type Listed, type Place, type Stat } from '../../syncer/disk/disk.ts'

/** A fresh disk with an empty tree, and what people and programs do to that tree past the port. */
export interface DiskUnderTest {
  disk: Disk
  outside: Outside
  /** What the platform lacks; all true when absent. */
  supports?: { permissions?: boolean; byteNames?: boolean; spellings?: boolean }
  /** Names in the root that are not the cases' own. */
  furniture?: string[]
  dispose(): void
}

export interface Outside {
  /** Truncates and writes through a descriptor of its own: an existing file keeps its inode. */
  write(path: Path, text: string): void
  /** A descriptor that stays open on the inode whatever happens to the name. */
  openForAppend(path: Path): { append(text: string): void; close(): void }
  /** Puts a FIFO, socket or device there; absent: the cases that need one are skipped. */
  makeOther?(path: Path): void
  /** Lets the disk's clock pass at least one granule of its time stamps. */
  passGranule(): void
}

/** The disk of the case that runs, with what the cases do over and over. */
export class DiskBench {
  #made: DiskUnderTest | undefined

  start(made: DiskUnderTest): void {
    this.#made = made
  }

  end(): void {
    this.#made?.dispose()
    this.#made = undefined
  }

  get disk(): Disk {
    return this.#current.disk
  }

  get outside(): Outside {
    return this.#current.outside
  }

  get supports(): { permissions: boolean; byteNames: boolean; spellings: boolean } {
    return { permissions: true, byteNames: true, spellings: true, ...this.#current.supports }
  }

  get #current(): DiskUnderTest {
    if (this.#made === undefined) throw new Error('no case runs')
    return this.#made
  }

  list(dir: Path): Listed[] {
    const furniture = this.#current.furniture ?? []
    return this.disk.list(dir).filter(entry => dir !== '' || !furniture.includes(entry.name))
  }

  names(dir: Path): string[] {
    return this.list(dir).map(entry => entry.name)
  }

  put(path: Path, text: string, options: { mode?: number; mtimeMs?: number } = {}): Stat {
    return putFile(this.disk, path, text, options)
  }

  putOwn(name: string, text: string): void {
    this.put(name, text)
    this.disk.rename(inTree(name), inOwn(name))
  }

  read(at: Place): string {
    return readFile(this.disk, at)
  }
}

/** Makes a file the way the engine does: private, finished, renamed to its place. */
export function putFile(disk: Disk, path: Path, text: string, options: { mode?: number; mtimeMs?: number } = {}): Stat {
  const file = disk.create('contract-temp')
  try {
    file.write(Buffer.from(text))
    const stat = file.finish({ mode: options.mode ?? 0o644, mtimeMs: options.mtimeMs ?? 1_600_000_000_000 })
    disk.rename(inOwn('contract-temp'), inTree(path))
    return stat
  } catch (error) {
    file.close()
    disk.unlink(inOwn('contract-temp'))
    throw error
  }
}

export function readFile(disk: Disk, at: Place): string {
  const file = disk.open(at)
  try {
    return file.read(0, file.stat().size).toString()
  } finally {
    file.close()
  }
}

/** The call must throw a system error with one of the codes. */
export function failsWith(call: () => unknown, ...codes: string[]): void {
  let caught: unknown
  try {
    call()
  } catch (error) {
    caught = error
  }
  expect(caught, `should fail with ${codes.join(' or ')}`).toBeDefined()
  expect(codes, `failed with ${String(caught)}`).toContain(errnoOf(caught))
}

/** Equal but for the file system's granule; Node passes times as doubles, which costs up to 240 ns. */
export function near(actualNs: bigint, wantedNs: bigint, granuleNs: bigint): boolean {
  const differenceNs = actualNs > wantedNs ? actualNs - wantedNs : wantedNs - actualNs
  return differenceNs <= (granuleNs > 1_000n ? granuleNs : 1_000n)
}

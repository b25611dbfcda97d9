import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { unlessRefused } from '../base/errors.ts'

/** What was found is taken for true so long, in ms. */
const validMs = 5_000
const processesMax = 1_000

/**
 * Inodes that programs of this container wait for by inotify, as `/proc/<pid>/fdinfo` tells (proc_pid_fdinfo(5)). A
 * program of another user is not seen.
 */
export class WatchedInodes {
  private readonly clock: Clock
  private readonly procfs: string
  private found = new Set<bigint>()
  private foundAtMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, procfs = '/proc') {
    this.clock = clock
    this.procfs = procfs
  }

  has(inode: bigint): boolean {
    const nowMs = this.clock.monotonic()
    if (nowMs - this.foundAtMs > validMs) {
      this.found = this.find()
      this.foundAtMs = nowMs
    }
    return this.found.has(inode)
  }

  private find(): Set<bigint> {
    const found = new Set<bigint>()
    const pids = list(this.procfs).filter(name => /^\d+$/.test(name))
    for (const pid of pids.slice(0, processesMax)) {
      const folder = `${this.procfs}/${pid}`
      // our own are of folders
      if (pid === String(process.pid)) continue
      for (const descriptor of list(`${folder}/fd`)) {
        if (!isInotify(`${folder}/fd/${descriptor}`)) continue
        const lines = read(`${folder}/fdinfo/${descriptor}`).matchAll(/^inotify wd:\S+ ino:([0-9a-f]+)/gm)
        for (const [, inode] of lines) found.add(BigInt(`0x${inode}`))
      }
    }
    return found
  }
}

// A process that has gone meanwhile, or is not ours, has nothing.
function isInotify(descriptor: string): boolean {
  return unlessRefused('', () => readlinkSync(descriptor)) === 'anon_inode:inotify'
}

function list(folder: string): string[] {
  return unlessRefused([], () => readdirSync(folder))
}

function read(file: string): string {
  return unlessRefused('', () => readFileSync(file, 'latin1'))
}

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { NetworkTarget } from './network-config.ts'

// A pod's program that listens on a port gets another one, which the machine has free: pods take none of its ports, not
// even for who listens on all addresses. Where it really listens stands in a file, named for the port that it asked for.
// A file is there at once for everybody, and does not have to be told when a program is killed.

interface PortRecord extends NetworkTarget {
  /** Of the process that listens. */
  pid: number
}

/** Where a port really is; undefined where nobody listens on it. */
export function findPort(folder: string, port: number): NetworkTarget | undefined {
  try {
    const { address, port: at, pid }: PortRecord = JSON.parse(readFileSync(`${folder}/${port}`, 'utf8'))
    process.kill(pid, 0)
    return { address, port: at }
  } catch {
    // none, or its process is gone
    return undefined
  }
}

export function writePort(folder: string, port: number, at: NetworkTarget): void {
  const fresh = `${folder}/${port}.${process.pid}`
  writeFileSync(fresh, JSON.stringify({ ...at, pid: process.pid } satisfies PortRecord))
  renameSync(fresh, `${folder}/${port}`)
}

export function removePort(folder: string, port: number): void {
  rmSync(`${folder}/${port}`, { force: true })
}

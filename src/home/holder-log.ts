import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Home } from './home.ts'

/**
 * Where the background process of a session writes what it does. The names are for people; two clusters may have a
 * namespace and a dev of the same names, and the id tells them apart.
 */
export function holderLog(home: Home, { id, namespace, dev }: { id: string; namespace: string; dev: string }): string {
  return join(home.logs, `${namespace}.${dev}.${id}.log`)
}

/** Out of the way of the next one's: who reads it, or still writes to it, keeps it. */
export function forgetLog(path: string): void {
  rmSync(path, { force: true })
}

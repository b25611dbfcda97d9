import { existsSync, realpathSync } from 'node:fs'
import { posix } from 'node:path'

/**
 * Where a container's paths are. In a real container they are where they say. A pod that is a process tree on somebody's
 * machine has a folder of its own instead of a file system: `PODSWAP_ROOT` names it, and every path that comes from the
 * laptop or from {@link podLayout} goes through here. Nothing isolates such a pod; its folder only keeps it in place.
 */
export class PodRoot {
  /** Of the folder; '' where the paths are the machine's own. */
  readonly #folder: string
  readonly #mounts: string[]

  /** @param mounts container paths that the pod's volumes are at: links there, and mount points to a program */
  constructor(folder = '', mounts: string[] = []) {
    this.#folder = folder
    this.#mounts = mounts
  }

  /** As the environment says: `PODSWAP_ROOT`, and `PODSWAP_MOUNTS` as paths joined by `:`. */
  static of(environment: Readonly<Record<string, string | undefined>>): PodRoot {
    const { PODSWAP_ROOT: folder, PODSWAP_MOUNTS: mounts } = environment
    return new PodRoot(folder, folder && mounts ? mounts.split(':') : [])
  }

  /** The folder, undefined where the paths are the machine's own. */
  get folder(): string | undefined {
    return this.#folder || undefined
  }

  /**
   * Where an absolute path of the container is; anything else is given back, also one that is there already: programs
   * see real paths and may say them. `..` does not lead out.
   */
  path(path: string): string {
    if (!this.#folder || !path.startsWith('/')) return path
    const plain = posix.normalize(path).replace(/\/+$/, '')
    return `${plain}/`.startsWith(`${this.#folder}/`) ? plain : this.#folder + plain
  }

  /**
   * A command's argument: one that is an absolute path in the pod's folder becomes that. What stands there counts
   * first, then what stands on the machine (`/bin/sh`), then whether a folder above it stands there.
   */
  argument(text: string): string {
    const path = this.path(text)
    if (path === text || path === this.#folder) return text
    if (existsSync(path)) return withoutLinks(path)
    if (existsSync(text)) return text
    for (let above = posix.dirname(path); above.length > this.#folder.length; above = posix.dirname(above)) {
      if (existsSync(above)) return realpathSync(above) + path.slice(above.length)
    }
    return text
  }

  /** The mount points as the kernel would list them in `/proc/self/mountinfo`, which knows nothing of them. */
  mountinfo(): Buffer {
    const lines = this.#mounts.map(mount => {
      const path = this.path(mount)
      const above = posix.dirname(path)
      const point = `${existsSync(above) ? realpathSync(above) : above}/${posix.basename(path)}`
      return `0 0 0:0 / ${escapeOctal(point)} rw - podswap none rw\n`
    })
    return Buffer.from(lines.join(''), 'latin1')
  }
}

/** A folder's links resolved, not the last name's: a program may be told apart by how it was called. */
function withoutLinks(path: string): string {
  return `${realpathSync(posix.dirname(path))}/${posix.basename(path)}`
}

/** As the kernel writes a path there. */
function escapeOctal(path: string): string {
  const bytes = Buffer.from(path).toString('latin1')
  return bytes.replace(/[ \t\n\\]/g, character => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

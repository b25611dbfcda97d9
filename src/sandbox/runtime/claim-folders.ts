import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

/** A folder for each claim, from its first pod to its end. */
export class ClaimFolders {
  readonly #base: string
  readonly #folders = new Map<string, string>()
  #count = 0

  constructor(base: string) {
    this.#base = base
  }

  folderOf(uid: string): string {
    const known = this.#folders.get(uid)
    if (known !== undefined) return known
    const folder = join(this.#base, `c${++this.#count}`)
    mkdirSync(folder)
    this.#folders.set(uid, folder)
    return folder
  }

  async remove(uid: string): Promise<void> {
    const folder = this.#folders.get(uid)
    this.#folders.delete(uid)
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

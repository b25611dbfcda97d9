import { readdirSync, readFileSync, statSync } from 'node:fs'
import { errnoOf } from '../../syncer/base/errors.ts'

/** What the reader of manifests asks of the laptop's disk. Symbolic links are followed. */
export interface ManifestFiles {
  /** null where nothing is there; every other failure throws a system error. */
  stat(path: string): FileStat | null
  readFile(path: string): Uint8Array
  /** Names in a folder; empty where it cannot be read. */
  names(folder: string): string[]
}

export interface FileStat {
  kind: 'file' | 'folder' | 'other'
  sizeBytes: number
}

const absentCodes = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'ERR_INVALID_ARG_VALUE'])

export const diskManifestFiles: ManifestFiles = {
  stat(path) {
    try {
      const stat = statSync(path)
      const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : 'other'
      return { kind, sizeBytes: stat.size }
    } catch (error) {
      if (absentCodes.has(errnoOf(error) ?? '')) return null
      throw error
    }
  },
  readFile: path => readFileSync(path),
  names(folder) {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  },
}

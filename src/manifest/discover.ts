import { dirname, join, resolve } from 'node:path'
import { UserError } from '../../syncer/base/errors.ts'
import type { ManifestFiles } from './manifest-files.ts'

/** The usual names of a manifest in its project's folder, the first one found counts. */
export const manifestNames: readonly string[] = [
  'dev.yml',
  'dev.yaml',
  'okteto.yml',
  'okteto.yaml',
  '.okteto/okteto.yml',
  '.okteto/okteto.yaml',
  '.okteto.yml',
  '.okteto.yaml',
  'Okteto.yml',
]

/** Folders looked into on the way up, so that no odd path leads far. */
const foldersMax = 64

/**
 * The manifest of the project that `cwd` lies in: the usual names in `cwd`, then in each folder above it up to the
 * repository's root (which holds `.git`) or the home folder. Outside of both only `cwd` is looked at, for a folder such
 * as /tmp is anybody's. `from` is the folder whose names matched.
 * Throws `UserError('manifest')` where there is none.
 */
export function discoverManifest(files: ManifestFiles, cwd: string, home: string): { file: string; from: string } {
  for (const folder of foldersUp(files, resolve(cwd), resolve(home))) {
    for (const name of manifestNames) {
      const file = join(folder, name)
      if (statOrNull(files, file)?.kind === 'file') return { file, from: folder }
    }
  }
  const others = files
    .names(cwd)
    .filter(name => /^dev\.[^/]+\.ya?ml$/.test(name))
    .sort()
  const shown = others.slice(0, 5).map(name => `-f ${name}`)
  const hint = shown.length > 0 ? `there is ${shown.join(', ')}` : `name one with -f, or write ${manifestNames[0]}`
  throw new UserError('manifest', 'no dev manifest here, nor in the folders above up to the repository', { hint })
}

function foldersUp(files: ManifestFiles, cwd: string, home: string): string[] {
  const folders: string[] = []
  for (let folder = cwd; folders.length < foldersMax; folder = dirname(folder)) {
    folders.push(folder)
    // `.git` is a file in a worktree or a submodule.
    if (folder === home || statOrNull(files, join(folder, '.git')) !== null) return folders
    if (dirname(folder) === folder) break
  }
  return [cwd]
}

function statOrNull(files: ManifestFiles, path: string) {
  try {
    return files.stat(path)
  } catch {
    return null
  }
}

import { lstatSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { UserError } from '../../syncer/base/errors.ts'
import type { Path } from '../../syncer/core/path.ts'
import { createNodeDisk, type NodeDisk } from '../../syncer/disk/node-disk.ts'
import { privateFolderName } from '../../syncer/disk/private-folder.ts'
import { listTrash, type TrashedFile } from '../../syncer/endpoint/trash-list.ts'
import { loadManifest } from '../manifest/load-manifest.ts'
import { withServices } from '../manifest/read-services.ts'
import type { Invocation } from './io.ts'

const foldersUpMax = 64

/** A synced folder of this laptop with what is in its trash. */
export interface TrashFolder {
  /** Absolute, as the manifest or the way upwards names it. */
  local: string
  /** null where nothing was ever kept. */
  disk: NodeDisk | null
  trashed: TrashedFile[]
}

/**
 * The folders of the manifest's devs; without a manifest, the one that the working folder lies in. The cluster is not
 * asked, and no session needs to run. Throws `manifest` for one named with `-f` that cannot be read, `not-found`.
 */
export function openTrashFolders(invocation: Invocation<unknown>): TrashFolder[] {
  const opened: TrashFolder[] = []
  try {
    for (const local of localFolders(invocation)) opened.push(openFolder(local))
    return opened
  } catch (error) {
    closeTrashFolders(opened)
    throw error
  }
}

export function closeTrashFolders(folders: readonly TrashFolder[]): void {
  for (const { disk } of folders) disk?.close()
}

/** The folder that an absolute path is in, and where in it; undefined outside of all of them. */
export function placeOf(
  folders: readonly TrashFolder[],
  file: string,
): { folder: TrashFolder; path: Path } | undefined {
  for (const folder of folders) {
    for (const root of [folder.local, folder.disk?.rootPath]) {
      if (root === undefined) continue
      const way = relative(root, file)
      if (way === '..' || way.startsWith(`..${sep}`) || resolve(root, way) !== file) continue
      return { folder, path: way.split(sep).join('/') }
    }
  }
  return undefined
}

/** How a person in `cwd` would name a path of the folder. */
export function shownPath(folder: TrashFolder, path: Path, cwd: string): string {
  return relative(cwd, join(folder.local, path)) || '.'
}

function openFolder(local: string): TrashFolder {
  if (!hasPrivateFolder(local)) return { local, disk: null, trashed: [] }
  const disk = createNodeDisk({ root: local, privateFolder: 'in-git' })
  return { local, disk, trashed: listTrash(disk) }
}

/** Opening a disk would make one. */
function hasPrivateFolder(local: string): boolean {
  return [join(local, '.git', 'podswap'), join(local, privateFolderName)].some(
    path => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  )
}

function localFolders({ io, globals }: Invocation<unknown>): string[] {
  try {
    const { devs } = loadManifest({ file: globals.file, cwd: io.cwd, env: io.env, home: io.homedir })
    return [...new Set(devs.flatMap(withServices).flatMap(dev => dev.sync.map(({ local }) => local)))]
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'manifest' || globals.file !== undefined) throw error
    const above = folderAbove(io.cwd)
    if (above !== undefined) return [above]
    throw new UserError('not-found', 'this is no synced folder, and there is no dev manifest here', {
      hint: 'go into the folder, or name the manifest with -f',
      cause: error,
    })
  }
}

function folderAbove(cwd: string): string | undefined {
  let folder = resolve(cwd)
  for (let steps = 0; steps < foldersUpMax; steps++) {
    if (hasPrivateFolder(folder)) return folder
    if (dirname(folder) === folder) return undefined
    folder = dirname(folder)
  }
  return undefined
}

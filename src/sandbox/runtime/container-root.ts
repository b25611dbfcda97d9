import { cpSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { errnoOf } from '../../../syncer/base/errors.ts'
import { PodRoot } from '../../../syncer/pod/pod-root.ts'
import { type ContainerMount, type ContainerRequest, RuntimeRefusal } from '../pod-runtime.ts'
import type { SandboxImage } from './images.ts'

/** A container's home and its temporary files, as it calls them. */
export const containerHome = '/root'
export const containerTemporary = '/tmp'

/**
 * Fills a fresh folder as the root of one run of a container: what the image brings, the volumes as links, and the
 * folders that a program expects.
 * @throws RuntimeRefusal `CreateContainerError`
 */
export function makeContainerRoot(
  folder: string,
  image: SandboxImage,
  request: ContainerRequest,
  /** By the volume's name. */
  volumes: ReadonlyMap<string, string>,
): PodRoot {
  const mounts = sortMounts(request.mounts)
  const root = new PodRoot(
    folder,
    mounts.map(({ path }) => path),
  )
  try {
    for (const path of [containerHome, containerTemporary]) mkdirSync(root.path(path), { recursive: true })
    if (image.folder) cpSync(image.folder.from, root.path(image.folder.to), { recursive: true, verbatimSymlinks: true })
    for (const [path, target] of Object.entries(image.links ?? {})) link(root, path, target)
    for (const mount of mounts) link(root, mount.path, mountSource(mount, volumes))
    const workingDir = root.path(workingDirOf(image, request))
    mkdirSync(workingDir, { recursive: true })
    return root
  } catch (error) {
    if (error instanceof RuntimeRefusal || errnoOf(error) === undefined) throw error
    throw new RuntimeRefusal('CreateContainerError', `cannot make the container's folder: ${error}`, { cause: error })
  }
}

export function workingDirOf(image: SandboxImage, request: ContainerRequest): string {
  return request.workingDir ?? image.workingDir ?? '/'
}

function sortMounts(mounts: ContainerMount[]): ContainerMount[] {
  const sorted = mounts.map(mount => ({ ...mount, path: posix.normalize(mount.path).replace(/(.)\/$/, '$1') }))
  for (const outer of sorted) {
    const inner = sorted.find(mount => mount !== outer && `${mount.path}/`.startsWith(`${outer.path}/`))
    // it would have to be put into the outer one's volume
    if (inner) refuse(`the sandbox cannot mount ${inner.path} inside the volume that is mounted at ${outer.path}`)
    if (!outer.path.startsWith('/') || outer.path === '/') refuse(`the sandbox cannot mount a volume at ${outer.path}`)
    if (outer.path.includes(':')) refuse(`invalid mount path ${outer.path}: must not contain ':'`)
  }
  return sorted
}

function mountSource({ volume, subPath, path }: ContainerMount, volumes: ReadonlyMap<string, string>): string {
  const folder = volumes.get(volume)
  if (folder === undefined) return refuse(`there is no volume ${volume} for ${path}`)
  if (!subPath) return folder
  if (posix.isAbsolute(subPath) || subPath.split('/').includes('..')) {
    return refuse(`unable to prepare subPath ${subPath} of volume ${volume}: it leads out of it`)
  }
  const source = join(folder, subPath)
  if (!existsSync(source)) mkdirSync(source, { recursive: true })
  return source
}

/** A mount hides what the image has there. */
function link(root: PodRoot, path: string, target: string): void {
  const place = root.path(path)
  mkdirSync(dirname(place), { recursive: true })
  rmSync(place, { recursive: true, force: true })
  symlinkSync(target, place, statSync(target).isDirectory() ? 'dir' : 'file')
}

function refuse(message: string): never {
  throw new RuntimeRefusal('CreateContainerError', message)
}

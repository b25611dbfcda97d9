import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { errnoOf } from '../../../syncer/base/errors.ts'
import { PodRoot } from '../../../syncer/pod/pod-root.ts'
import { type ContainerMount, type ContainerRequest, RuntimeRefusal } from '../pod-runtime.ts'
import type { SandboxImage } from './images.ts'

/** A container's home and its temporary files, as it calls them. */
export const containerHome = '/root'
export const containerTemporary = '/tmp'

export interface ContainerRoot {
  root: PodRoot
  /** The run has ended: takes out of volumes what was mounted inside of them. Throws nothing. */
  unmount(): void
}

/**
 * Fills a fresh folder as the root of one run of a container: what the image brings, the volumes as links, and the
 * folders that a program expects. A volume inside of another one is a link in that one, seen by whoever has it.
 * @throws RuntimeRefusal `CreateContainerError`
 */
export function makeContainerRoot(
  folder: string,
  image: SandboxImage,
  request: ContainerRequest,
  /** By the volume's name. */
  volumes: ReadonlyMap<string, string>,
): ContainerRoot {
  const mounts = sortMounts(request.mounts)
  const inner: string[] = []
  const unmount = () => inner.splice(0).forEach(unmountInner)
  const root = new PodRoot(
    folder,
    mounts.map(({ path }) => path),
  )
  try {
    for (const path of [containerHome, containerTemporary]) mkdirSync(root.path(path), { recursive: true })
    if (image.folder) cpSync(image.folder.from, root.path(image.folder.to), { recursive: true, verbatimSymlinks: true })
    for (const [path, target] of Object.entries(image.links ?? {})) link(root, path, target)
    for (const mount of mounts) {
      const source = mountSource(mount, volumes)
      if (mounts.some(outer => isInside(mount.path, outer.path))) inner.push(mountInner(root, mount.path, source))
      else link(root, mount.path, source)
    }
    const workingDir = root.path(workingDirOf(image, request))
    mkdirSync(workingDir, { recursive: true })
    return { root, unmount }
  } catch (error) {
    unmount()
    if (error instanceof RuntimeRefusal || errnoOf(error) === undefined) throw error
    throw new RuntimeRefusal('CreateContainerError', `cannot make the container's folder: ${error}`, { cause: error })
  }
}

/** Of `/proc` a container has this alone, for whoever asks what its first process was called with. */
export function tellCommand(root: PodRoot, argv: string[]): void {
  const place = root.path('/proc/1')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'cmdline'), argv.map(argument => `${argument}\0`).join(''))
}

export function workingDirOf(image: SandboxImage, request: ContainerRequest): string {
  return request.workingDir ?? image.workingDir ?? '/'
}

/** The outer before the inner. */
function sortMounts(mounts: ContainerMount[]): ContainerMount[] {
  const all = mounts.map(mount => ({ ...mount, path: posix.normalize(mount.path).replace(/(.)\/$/, '$1') }))
  for (const { path } of all) {
    if (!path.startsWith('/') || path === '/') refuse(`the sandbox cannot mount a volume at ${path}`)
    if (path.includes(':')) refuse(`invalid mount path ${path}: must not contain ':'`)
    if (all.filter(other => other.path === path).length > 1) refuse(`two volumes are mounted at ${path}`)
  }
  return all.sort((a, b) => a.path.length - b.path.length)
}

function isInside(path: string, outer: string): boolean {
  return path.startsWith(`${outer}/`)
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

/** @returns the link's place; what the outer volume has there is never touched, unlike an image's */
function mountInner(root: PodRoot, path: string, target: string): string {
  const place = root.path(path)
  const there = lstatSync(place, { throwIfNoEntry: false })
  if (there?.isSymbolicLink()) refuse(`the sandbox cannot mount ${path}: another container has it mounted there`)
  try {
    if (there) rmdirSync(place)
  } catch {
    refuse(`the sandbox cannot mount ${path}: it would hide what the outer volume has there`)
  }
  mkdirSync(dirname(place), { recursive: true })
  symlinkSync(target, place, statSync(target).isDirectory() ? 'dir' : 'file')
  return place
}

/** Leaves the empty folder that a mount needs. */
function unmountInner(place: string): void {
  try {
    unlinkSync(place)
    mkdirSync(place)
  } catch {
    // somebody moved it away
  }
}

function refuse(message: string): never {
  throw new RuntimeRefusal('CreateContainerError', message)
}

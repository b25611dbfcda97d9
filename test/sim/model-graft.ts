import { absent, folder, isFile, linkTargetOf, type Token } from '../../syncer/core/content.ts'
import { type Path, parentOf } from '../../syncer/core/path.ts'
import { type Disk, inOwn } from '../../syncer/disk/disk.ts'
import type { Line } from './model-end.ts'
import type { Member } from './model-message.ts'
import type { ModelView } from './model-view.ts'

/** What goes along when the folder is sent as a subtree: everything below that the other end lacks and that is at rest. */
export function collectMembers(view: ModelView, root: Path, isFree: (path: Path) => boolean): Member[] {
  const members = new Map<Path, Member>([[root, { path: root, token: folder, bytes: undefined }]])
  for (const [path, stat] of view.scan(root)) {
    if (members.get(parentOf(path))?.token !== folder || !isFree(path)) continue
    const member = stat.kind === 'dir' ? { path, token: view.look(path), bytes: undefined } : readMember(view, path)
    if (member?.token !== undefined && member.token !== absent) members.set(path, { ...member, token: member.token })
  }
  return [...members.values()]
}

function readMember(view: ModelView, path: Path): { path: Path; token: Token; bytes: Buffer } | undefined {
  const content = view.read(path)
  return content && { path, token: content.token, bytes: content.bytes }
}

/** Builds it in private. @throws system errors; the private folder is left to the caller then */
export function buildGraft(
  disk: Disk,
  name: string,
  members: Member[],
  write: (own: string, token: Token, bytes: Buffer) => void,
): void {
  const [root, ...rest] = members
  disk.mkdirOwn(name)
  for (const { path, token, bytes } of rest) {
    const own = name + path.slice(root!.path.length)
    if (token === folder) disk.mkdirOwn(own)
    else if (isFile(token)) write(own, token, bytes!)
    else disk.symlink(linkTargetOf(token), inOwn(own))
  }
}

/** Nothing was ever agreed about the path, and nothing about it is under way. */
export function isFresh(line: Line | undefined): boolean {
  return line === undefined || (line.base === absent && line.fly === undefined && line.staging === undefined)
}

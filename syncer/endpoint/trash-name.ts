import { hash } from 'node:crypto'
import { kindOf, type Token } from '../core/content.ts'
import { decodePath, encodePath, nameOf, type Path } from '../core/path.ts'

/** What became of the content's place: `restored` is an older version that a person asked for. */
export type TrashReason = 'deleted' | 'overwritten' | 'restored'

/** What the name of a trashed private file says. */
export interface TrashName {
  /** Whose entry it is: `[0-9a-z]{1,16}`. */
  owner: string
  /** When it was trashed, wall clock. */
  atMs: number
  /** Unique: `[0-9a-z]+`. */
  id: string
  /** Kind of the content that was expected, and its sha256: `f…`, `x…`, or `l…` of a link's token. */
  tag: string
  /** Half of the hash of what was to take its place, where that has this name until then. */
  ours: string | undefined
  reason: TrashReason
  /** The file of {@link TrashPlaces} that tells where it was. */
  place: string
  /** The last name of its path, where that is short enough. */
  base: string
}

const letters: Record<TrashReason, string> = { deleted: 'd', overwritten: 'o', restored: 'r' }
const form =
  /^trash-([0-9a-z]+)-([0-9a-z]+)-([0-9a-z]+)-([fxl][0-9a-f]{64})(?:\.([0-9a-f]{32}))?-([dor])([0-9a-f]{16})-([\w-]*)$/

/** Bytes of a last name that fit into a trash name as base64url. */
const baseBytesMax = 67

/** True where the name of a trashed file tells the last name of its path whole. */
export function isShortName(path: Path): boolean {
  return encodePath(nameOf(path)).length <= baseBytesMax
}

/** The form of a private name, at most 250 bytes. @param path where the content was */
export function formatTrashName(name: Omit<TrashName, 'base'>, path: Path): string {
  const base = encodePath(nameOf(path)).subarray(0, baseBytesMax).toString('base64url')
  const tags = name.ours === undefined ? name.tag : `${name.tag}.${name.ours}`
  const at = Math.floor(name.atMs).toString(36)
  return `trash-${name.owner}-${at}-${name.id}-${tags}-${letters[name.reason]}${name.place}-${base}`
}

/** Undefined for anything that {@link formatTrashName} does not write. */
export function parseTrashName(text: string): TrashName | undefined {
  const match = form.exec(text)
  if (match === null) return undefined
  const [, owner = '', at = '', id = '', tag = '', ours, letter, place = '', base = ''] = match
  const decoded = decodePath(Buffer.from(base, 'base64url')).replace(/[/\0]/g, '')
  return {
    owner,
    atMs: Number.parseInt(at, 36),
    id,
    tag,
    ours,
    reason: letter === letters.deleted ? 'deleted' : letter === letters.restored ? 'restored' : 'overwritten',
    place,
    base: decoded === '' || decoded === '.' || decoded === '..' ? 'file' : decoded,
  }
}

/** See {@link TrashName.tag}. */
export function tokenTag(token: Token): string {
  return kindOf(token) === 'link' ? `l${hash('sha256', token, 'hex')}` : token
}

/** Content without the executable bit; half of the hash, because a name has 255 bytes at most. */
export function shortTag(token: Token): string {
  return tokenTag(token).slice(1, 33)
}

import { posix, resolve } from 'node:path'
import type { Position } from '../../syncer/base/errors.ts'
import { podLayout } from '../../syncer/base/pod-layout.ts'
import { compileIgnore } from '../../syncer/core/ignore.ts'
import { noIgnoreSpec } from '../../syncer/core/ignore-spec.ts'
import { Fields } from './fields.ts'
import type { SyncFolder } from './manifest.ts'
import { quotePath, quoteText } from './quote-text.ts'
import { asScalar, readChoice } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { closingBrace } from './variables.ts'
import { joinedPair, type YamlNode, type YamlScalar } from './yaml-node.ts'

/** A path in the container and where the file names it. */
export interface Target {
  path: string
  at: Position
}

/** Folders that the kernel or podswap itself fills. */
const reservedRemotes = ['/proc', '/sys', '/dev', podLayout.home, podLayout.secrets]

const folderFields = {
  local: 'read',
  remote: 'read',
  mode: 'read',
  prefer: 'read',
  include: 'read',
  initial: 'read',
} as const
const includesMax = 1_000
const noBlank = 'write local:remote with no blank after the colon'

/** The parts between a text's colons, with where each begins; those inside `${…}` and after a drive letter do not count. */
export function splitAtColons(text: string): { text: string; from: number }[] {
  const parts: { text: string; from: number }[] = []
  let from = 0
  for (let i = /^[A-Za-z]:[\\/](?=[^:]*:)/.test(text) ? 2 : 0; i < text.length; i++) {
    if (text.startsWith('${', i)) i = closingBrace(text, i + 2) ?? text.length
    else if (text[i] === ':') {
      parts.push({ text: text.slice(from, i), from })
      from = i + 1
    }
  }
  return [...parts, { text: text.slice(from), from }]
}

/** Splits `local:remote` at its only colon. Undefined where there is none, or more than one. */
export function splitFolder(text: string): { local: string; remote: string; remoteIndex: number } | undefined {
  const [local, remote, ...more] = splitAtColons(text)
  if (local === undefined || remote === undefined || more.length > 0) return undefined
  return { local: local.text, remote: remote.text, remoteIndex: remote.from }
}

/** Without `.`, `..`, doubled slashes and a slash at the end. */
export function normalisedRemote(path: string): string {
  const normal = posix.normalize(path).replace(/^\/+/, '/')
  return normal.length > 1 ? normal.replace(/\/$/, '') : normal
}

/** A folder, and its remote side in words that show no variable's value. */
export interface ReadFolder {
  folder: SyncFolder
  shown: string
}

/** One item of `sync`: text, or our own form `{local, remote, mode, prefer, include, initial}`. */
export function readFolder(reading: Reading, node: YamlNode): ReadFolder | undefined {
  const joined = joinedPair(node, Object.keys(folderFields))
  if (joined !== undefined) reading.complaints.warn(node.at, `this is read as ${quoteText(joined.text)}`, noBlank)
  else if (node.kind === 'map') return readFolderMap(reading, new Fields(reading, node), node.at)
  const scalar = joined ?? asScalar(reading, node, 'sync')
  if (scalar === undefined) return undefined
  const split = splitFolder(scalar.text)
  if (split === undefined) {
    reading.complaints.error(scalar.at, `${quoteText(scalar.text)} is not local:remote`, 'such as .:/app')
    return undefined
  }
  const remote = readRemote(reading, { node: scalar, text: split.remote, from: split.remoteIndex })
  const local = readLocal(reading, { node: scalar, text: split.local, from: 0 })
  if (local === undefined || remote === undefined) return undefined
  const folder: SyncFolder = { local, remote, mode: 'two-way', initial: 'mirror', at: node.at }
  return { folder, shown: shownRemote(split.remote, remote) }
}

function shownRemote(text: string, remote: string): string {
  return quoteText(text.includes('$') ? text : remote)
}

function readFolderMap(reading: Reading, fields: Fields, at: Position): ReadFolder | undefined {
  fields.complainAboutRest(folderFields, 'sync.')
  const mode = readChoice(reading, fields, 'mode', ['two-way', 'push', 'pull']) ?? 'two-way'
  const prefer = readPrefer(reading, fields, mode)
  const include = readInclude(reading, fields)
  const initial = readChoice(reading, fields, 'initial', ['mirror', 'keep']) ?? 'mirror'
  const half = (name: string): Half | undefined => {
    const node = fields.value(name)
    if (node === undefined) reading.complaints.error(at, `a folder of \`sync\` needs \`${name}\``)
    const scalar = node && asScalar(reading, node, name)
    return scalar && { node: scalar, text: scalar.text, from: 0 }
  }
  const [localHalf, remoteHalf] = [half('local'), half('remote')]
  const local = localHalf && readLocal(reading, localHalf)
  const remote = remoteHalf && readRemote(reading, remoteHalf)
  if (local === undefined || remoteHalf === undefined || remote === undefined) return undefined
  const rules = { mode, ...(prefer && { prefer }), ...(include.length > 0 && { include }) }
  return { folder: { local, remote, ...rules, initial, at }, shown: shownRemote(remoteHalf.text, remote) }
}

function readPrefer(reading: Reading, fields: Fields, mode: SyncFolder['mode']): SyncFolder['prefer'] {
  const prefer = readChoice(reading, fields, 'prefer', ['local', 'remote'])
  if (prefer === undefined || mode === 'two-way') return prefer
  const hint = `with \`mode: ${mode}\` changes travel one way only; leave \`prefer\` out`
  reading.complaints.error(fields.at, '`prefer` is for folders that are synced both ways', hint)
  return undefined
}

function readInclude(reading: Reading, fields: Fields): string[] {
  const node = fields.value('include')
  if (node === undefined) return []
  const items = node.kind === 'list' ? node.items : [node]
  const extra = items[includesMax]
  if (extra !== undefined) reading.complaints.error(extra.at, `more than ${includesMax} patterns`)
  return items.slice(0, includesMax).flatMap(item => {
    const scalar = asScalar(reading, item, 'include')
    if (scalar === undefined) return []
    if (compileIgnore({ ...noIgnoreSpec, include: [scalar.text] }).complaints.length === 0) return [scalar.text]
    const hint = 'a glob from the folder on, such as .env or config/*.key'
    reading.complaints.error(scalar.at, `${quoteText(scalar.text)} is no pattern of what to include`, hint)
    return []
  })
}

/** One side of `local:remote`: its text, and the index in the scalar's text where it begins. */
interface Half {
  node: YamlScalar
  text: string
  from: number
}

function readRemote(reading: Reading, { node, text, from }: Half): string | undefined {
  const path = reading.expandVital(node, text, from, 'sync')
  if (path === undefined) return undefined
  if (!path.startsWith('/')) {
    const hint = text.includes('$') ? undefined : `such as ${quoteText(posix.join('/', path))}`
    reading.complaints.error(node.at, `${quoteText(text)} must be an absolute path in the container`, hint)
    return undefined
  }
  const remote = normalisedRemote(path)
  return isRemoteAllowed(reading, { path: remote, at: node.at }) ? remote : undefined
}

/** The folder that the kernel or podswap itself fills, where the path is in one. */
export function reservedFolder(path: string): string | undefined {
  return reservedRemotes.find(folder => path === folder || path.startsWith(`${folder}/`))
}

/** Complains about a place in the container that must not be synced. */
export function isRemoteAllowed(reading: Reading, { path, at }: Target): boolean {
  const reserved = reservedFolder(path)
  if (reserved !== undefined) reading.complaints.error(at, `${reserved} in the container cannot be synced`)
  else if (path === '/') reading.complaints.error(at, "the container's root cannot be synced", 'name a folder below it')
  else if (path.includes('\0')) reading.complaints.error(at, 'a path cannot hold a NUL character')
  else return true
  return false
}

/** The folder of the laptop that is meant; undefined where there is none, which is said. */
export function readLocal(reading: Reading, { node, text, from }: Half): string | undefined {
  const { complaints, around } = reading
  const expanded = reading.expandVital(node, text, from, 'sync')
  if (expanded === undefined) return undefined
  if (expanded === '') {
    complaints.error(node.at, 'the local folder is empty', 'write . for the folder of the manifest')
    return undefined
  }
  const path = /^~(?=[/\\]|$)/.test(expanded) ? around.home + expanded.slice(1) : expanded
  const local = resolve(around.ownFolder, path)
  if (resolve(local, '..') === local) {
    complaints.error(node.at, "the disk's root cannot be synced", 'name a folder below it')
    return undefined
  }
  if (!isFolder(reading, node, text, local)) return undefined
  if (local === resolve(around.home)) complaints.warn(node.at, 'this syncs the whole home folder')
  if (local === around.ownFolder && around.ownFolder !== around.baseFolder) {
    complaints.warn(node.at, 'this syncs the .okteto folder itself', 'the folder above it is ..')
  }
  return local
}

function isFolder(reading: Reading, node: YamlScalar, text: string, local: string): boolean {
  const kind = kindOf(reading, local)
  if (kind === 'folder' || (kind === undefined && reading.around.foldersMayBeGone)) return true
  // Where a variable went in, the path may hold what nobody wants to see printed.
  const isFilledIn = text.includes('$')
  const shown = isFilledIn ? quoteText(text) : quotePath(local)
  const message = kind === undefined ? `there is no folder ${shown}` : `${shown} is not a folder`
  const hint = isFilledIn ? 'look at the variables in it' : 'a local path counts from the folder of the manifest'
  reading.complaints.error(node.at, kind === 'unreadable' ? `${shown} cannot be looked at` : message, hint)
  return false
}

function kindOf(reading: Reading, path: string): 'file' | 'folder' | 'other' | 'unreadable' | undefined {
  try {
    return reading.around.files.stat(path)?.kind
  } catch {
    return 'unreadable'
  }
}

import { posix } from 'node:path'
import { Fields } from './fields.ts'
import type { SyncFolder, VolumePath } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { asScalar } from './read-scalar.ts'
import { readVolumePaths } from './read-volumes.ts'
import type { Reading } from './reading.ts'
import {
  isRemoteAllowed,
  normalisedRemote,
  type ReadFolder,
  readFolder,
  readLocal,
  type Target,
} from './sync-folder.ts'
import { describeNode, type YamlNode } from './yaml-node.ts'

const foldersMax = 100
const syncFields = { folders: 'read', compression: 'void', verbose: 'void', rescanInterval: 'void' } as const
const defaultRemote = '/okteto'

/** `workdir`, `mountpath`, `sync` and `volumes`, which together say what is synced where and where the command runs. */
export function readFolders(
  reading: Reading,
  fields: Fields,
): { workdir?: string; sync: SyncFolder[]; volumes?: VolumePath[] } {
  const { moved, volumes } = readVolumePaths(reading, fields)
  const folders = readSynced(reading, fields, { moved, volumes })
  return { ...folders, ...(volumes.length > 0 && { volumes }) }
}

function readSynced(
  reading: Reading,
  fields: Fields,
  { moved, volumes }: { moved: YamlNode[]; volumes: VolumePath[] },
): { workdir?: string; sync: SyncFolder[] } {
  const before = reading.complaints.errorCount
  const workdir = readRemoteField(reading, fields, 'workdir')
  const mountpath = readRemoteField(reading, fields, 'mountpath')
  const listed = [...readSyncField(reading, fields), ...moved]
  if (listed.length > 0) {
    const subpath = fields.value('subpath') && fields.entry('subpath')
    if (subpath) reading.complaints.warn(subpath.keyAt, 'has no effect here: subpath, beside `sync`')
    const read = listed.flatMap(item => readFolder(reading, item) ?? [])
    refuseOverlaps(reading, read)
    refuseVolumes(reading, volumes, read)
    const sync = read.map(({ folder }) => folder)
    return workdir === undefined ? { sync } : { workdir: workdir.path, sync }
  }
  // What was refused is no reason to sync to another place.
  if (reading.complaints.errorCount > before) return { sync: [] }
  const target = mountpath ?? workdir ?? { path: defaultRemote, at: fields.at }
  if (!isRemoteAllowed(reading, target)) return { sync: [] }
  const local = readSubpath(reading, fields)
  if (local === undefined) return { sync: [] }
  const folder: SyncFolder = { local, remote: target.path, mode: 'two-way', initial: 'mirror', at: target.at }
  refuseVolumes(reading, volumes, [{ folder, shown: quoteText(target.path) }])
  const where = workdir ?? (mountpath === undefined ? target : undefined)
  return where === undefined ? { sync: [folder] } : { workdir: where.path, sync: [folder] }
}

/** The folder that `.` stands for where there is no `sync`; with v1's `subpath` the one of that name in it. */
function readSubpath(reading: Reading, fields: Fields): string | undefined {
  const node = fields.value('subpath')
  // Inside `.okteto/` the project above it is meant, never that folder itself.
  if (node === undefined) return reading.around.baseFolder
  const scalar = asScalar(reading, node, 'subpath')
  return scalar && readLocal(reading, { node: scalar, text: scalar.text, from: 0 })
}

/** An absolute path in the container; variables in it are not filled in, as in Okteto. */
function readRemoteField(reading: Reading, fields: Fields, name: string): Target | undefined {
  const node = fields.value(name)
  const scalar = node && asScalar(reading, node, name)
  if (scalar === undefined || scalar.text === '') return undefined
  if (scalar.text.startsWith('/')) return { path: normalisedRemote(scalar.text), at: scalar.at }
  const hint = scalar.text.includes('$')
    ? `variables are not filled in in \`${name}\`; write the path itself`
    : `write it from the container's root: ${quoteText(posix.join('/', scalar.text))}`
  reading.complaints.error(scalar.at, `\`${name}\` must be an absolute path in the container`, hint)
  return undefined
}

function readSyncField(reading: Reading, fields: Fields): YamlNode[] {
  const node = fields.value('sync')
  if (node === undefined) return []
  if (node.kind === 'list') return limited(reading, node.items)
  if (node.kind === 'map') return readSyncMap(reading, new Fields(reading, node))
  if (/^-\S/.test(node.text)) {
    reading.complaints.error(node.at, 'a blank is missing after the dash', 'write "- local:remote"')
    return []
  }
  reading.complaints.warn(node.at, '`sync` is read as a list of one folder', 'write it as a list: - local:remote')
  return [node]
}

function readSyncMap(reading: Reading, fields: Fields): YamlNode[] {
  fields.complainAboutRest(syncFields, 'sync.')
  const folders = fields.value('folders')
  if (folders?.kind === 'list') return limited(reading, folders.items)
  if (folders !== undefined) {
    reading.complaints.error(folders.at, `\`sync.folders\` must be a list, not ${describeNode(folders)}`)
  } else if ([...fields.all()].some(({ key }) => !Object.hasOwn(syncFields, key))) {
    reading.complaints.error(fields.at, '`sync` must be a list of folders', 'write each on a line of its own: - .:/app')
  }
  return []
}

function limited(reading: Reading, items: YamlNode[]): YamlNode[] {
  const extra = items[foldersMax]
  if (extra !== undefined) reading.complaints.error(extra.at, `more than ${foldersMax} folders`)
  reading.spend(Math.min(items.length, foldersMax), extra?.at ?? { file: reading.around.file, line: 1, column: 1 })
  return items.slice(0, foldersMax)
}

/** Two folders that share a place in the container would each undo what the other does there. */
function refuseOverlaps(reading: Reading, read: ReadFolder[]): void {
  read.forEach(({ folder, shown }, i) => {
    const { remote } = folder
    const other = read
      .slice(0, i)
      .find(earlier => isInside(remote, earlier.folder.remote) || isInside(earlier.folder.remote, remote))
    if (other === undefined) return
    const { line } = other.folder.at
    const message =
      other.folder.remote === remote
        ? `${shown} is synced twice, first in line ${line}`
        : `${shown} and ${other.shown} (line ${line}) lie one inside the other`
    reading.complaints.error(folder.at, message, 'give each folder a place of its own in the container')
  })
}

function refuseVolumes(reading: Reading, volumes: VolumePath[], read: ReadFolder[]): void {
  for (const { path, at } of volumes) {
    const same = read.find(({ folder }) => folder.remote === path)
    if (same === undefined) continue
    const message = `the volume ${quoteText(path)} is the synced folder in line ${same.folder.at.line}`
    reading.complaints.error(at, message, 'take the volume out; `persistentVolume` keeps synced folders too')
  }
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

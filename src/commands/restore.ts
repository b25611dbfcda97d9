import { statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { systemClock } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { isWithin } from '../../syncer/core/path.ts'
import { exactDisk } from '../../syncer/disk/exact-disk.ts'
import { Restorer } from '../../syncer/endpoint/restore.ts'
import { chooseVersions, type TrashedFile } from '../../syncer/endpoint/trash-list.ts'
import { newIdMaker } from '../../syncer/session/new-id.ts'
import { printable } from '../ui/printable.ts'
import { plural } from '../ui/quantity.ts'
import { paintFor, wantsColour } from '../ui/style.ts'
import { localTime, trashText } from '../ui/trash-text.ts'
import { type CopiedOut, copyOut } from './copy-out.ts'
import type { Invocation, Io } from './io.ts'
import { parseWhen } from './parse-when.ts'
import { closeTrashFolders, openTrashFolders, placeOf, shownPath, type TrashFolder } from './trash-folders.ts'

export interface RestoreOptions {
  at?: string
  since?: string
  to?: string
  list?: boolean
}

/** One version in one folder. */
interface Version {
  folder: TrashFolder
  file: TrashedFile
}

/** What became of one version. */
interface Report {
  version: Version
  /** Absolute. */
  target: string
  outcome: CopiedOut
}

/** Lists what sync replaced or deleted on this laptop, or puts some of it back. */
export async function restore(invocation: Invocation<RestoreOptions>): Promise<number> {
  const { io, globals, names, options } = invocation
  const atMs = timeOf(options)
  const lists = options.list === true || (names.length === 0 && atMs === undefined)
  if (lists && options.to !== undefined) {
    throw new UserError('usage', '--to wants something to restore', { hint: 'name a path, or a time with --at' })
  }
  const folders = openTrashFolders(invocation)
  try {
    const found = wanted(folders, names, io)
    if (lists) {
      const shown = found.filter(({ file }) => atMs === undefined || file.atMs >= atMs)
      io.stdout.write(globals.json ? listJson(shown) : listText(shown, invocation))
      return 0
    }
    const chosen = folders.flatMap(folder => choose(folder, found, atMs))
    if (chosen.length === 0) throw nothingFound(names, found)
    const reports = restoreAll(folders, chosen, options.to, io)
    io.stdout.write(globals.json ? reportJson(reports) : reports.map(report => reportText(report, io, atMs)).join(''))
    return reports.every(({ outcome }) => outcome.result === 'restored' || outcome.result === 'same') ? 0 : 1
  } finally {
    closeTrashFolders(folders)
  }
}

function timeOf({ at, since }: RestoreOptions): number | undefined {
  if (at !== undefined && since !== undefined)
    throw new UserError('usage', 'either --at or --since', {
      hint: 'both mean: as it was then',
    })
  const nowMs = systemClock.now()
  if (at !== undefined) return parseWhen(at, '--at', nowMs)
  return since === undefined ? undefined : parseWhen(since, '--since', nowMs)
}

/** Everything, or what is or was at or below the named paths. Throws `usage` for one that is in no synced folder. */
function wanted(folders: TrashFolder[], names: string[], io: Io): Version[] {
  const all = folders.flatMap(folder => folder.trashed.map(file => ({ folder, file })))
  if (names.length === 0) return all
  const places = names.map(name => {
    const place = placeOf(folders, resolve(io.cwd, name))
    if (place !== undefined) return place
    const synced = folders.map(({ local }) => local).join(', ')
    throw new UserError('usage', `${name} is in no synced folder`, { hint: `synced: ${synced || 'none'}` })
  })
  return all.filter(({ folder, file }) =>
    places.some(place => place.folder === folder && file.isPathKnown && isWithin(file.path, place.path)),
  )
}

function choose(folder: TrashFolder, found: Version[], atMs: number | undefined): Version[] {
  const files = found.filter(version => version.folder === folder).map(({ file }) => file)
  return chooseVersions(files, atMs).map(file => ({ folder, file }))
}

function nothingFound(names: string[], found: Version[]): UserError {
  const what = names.length === 0 ? 'what' : names.join(', ')
  if (found.length > 0) {
    const last = localTime(Math.max(...found.map(({ file }) => file.atMs)))
    return new UserError('not-found', 'nothing went to the trash since then', { hint: `the last one did at ${last}` })
  }
  const message = names.length === 0 ? 'nothing is in the trash' : `nothing of ${what} is in the trash`
  return new UserError('not-found', message, { hint: 'podswap restore lists what is there' })
}

function restoreAll(folders: TrashFolder[], chosen: Version[], to: string | undefined, io: Io): Report[] {
  const newId = newIdMaker()
  const toFolder = to !== undefined && (chosen.length > 1 || isFolder(resolve(io.cwd, to)))
  return chosen.map(version => {
    const { folder, file } = version
    const own = join(folder.local, file.path)
    const inFolder = chosen.length > 1 ? file.path : basename(own)
    const target = to === undefined ? own : resolve(io.cwd, to, ...(toFolder ? [inFolder] : []))
    return { version, target, outcome: restoreOne(folders, version, target, { to, newId }) }
  })
}

function restoreOne(
  folders: TrashFolder[],
  { folder, file }: Version,
  target: string,
  { to, newId }: { to: string | undefined; newId: () => string },
): CopiedOut {
  if (folder.disk === null) return { result: 'gone' }
  if (to === undefined && !file.isPathKnown) return { result: 'failed', code: 'unknown-place' }
  const place = to === undefined ? { folder, path: file.path } : placeOf(folders, target)
  if (place?.folder !== folder) return copyOut(folder.disk, file, target)
  if (place.path === '') return { result: 'blocked' }
  return new Restorer(exactDisk(folder.disk), systemClock, newId).restore(file, place.path)
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function listText(versions: Version[], { io, globals }: Invocation<unknown>): string {
  const lines = versions
    .map(({ folder, file }) => ({ ...file, shown: shownPath(folder, file.path, io.cwd) }))
    .sort((a, b) => b.atMs - a.atMs)
  return trashText(lines, paintFor(wantsColour(io.stdout, io.env, globals)))
}

function listJson(versions: Version[]): string {
  return `${JSON.stringify({ entries: versions.map(versionJson) }, null, 2)}\n`
}

function versionJson({ folder, file }: Version): object {
  return {
    folder: folder.local,
    path: file.isPathKnown ? file.path : null,
    name: basename(file.path),
    trashed_at: new Date(file.atMs).toISOString(),
    written_at: new Date(file.writtenMs).toISOString(),
    reason: file.reason,
    kind: file.kind,
    size: file.sizeBytes,
    trash_file: join(folder.local, folder.disk?.privatePath ?? '', file.name),
  }
}

function reportJson(reports: Report[]): string {
  const restored = reports.map(({ version, target, outcome }) => ({ ...versionJson(version), to: target, ...outcome }))
  return `${JSON.stringify({ restored }, null, 2)}\n`
}

function reportText({ version: { folder, file }, target, outcome }: Report, io: Io, atMs: number | undefined): string {
  const of = printable(shownPath(folder, file.path, io.cwd))
  const at = target === join(folder.local, file.path) ? of : `${of} at ${printable(target)}`
  const isLater = outcome.result === 'restored' && atMs !== undefined && file.writtenMs > atMs
  const doubt = isLater
    ? `; it was written later, at ${localTime(file.writtenMs)}, and may not have been there then`
    : ''
  return `${outcomeText(outcome, of, at, file)}${doubt}\n`
}

function outcomeText(outcome: CopiedOut, of: string, at: string, { atMs, sizeBytes }: TrashedFile): string {
  switch (outcome.result) {
    case 'restored': {
      const then = outcome.replaced ? '; what stood there is in the trash' : ''
      return `${at}: restored, as it was until ${localTime(atMs)} (${plural(sizeBytes, 'byte')})${then}`
    }
    case 'same':
      return `${at}: it stands there already`
    case 'exists':
      return `${at}: not restored, something is there and has no trash to go to`
    case 'blocked':
      return `${at}: not restored, a folder is in the way, or a file where its folder was; --to takes it elsewhere`
    case 'gone':
      return `${of}: it is in the trash no more`
    case 'failed':
      if (outcome.code === 'unknown-place') return `${of}: its folder is not known; --to says where it goes`
      return `${at}: not restored (${outcome.code})`
  }
}

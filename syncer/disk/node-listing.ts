import fs from 'node:fs'
import { decodePath } from '../core/path.ts'
import type { EntryKind, Listed } from './disk.ts'
import { nativePath } from './native-path.ts'

/** A name and what bears it, as the folder's own list has it. */
type ListedKind = Omit<Listed, 'mount'>

// Node turns bytes that are not UTF-8 into U+FFFD, so a folder with such a name is read once more as bytes.

/** @param prefix the folder, `/` at the end */
export function readNames(prefix: string): string[] {
  const names = fs.readdirSync(nativePath(prefix))
  if (!names.some(name => name.includes('\uFFFD'))) return names
  return fs.readdirSync(nativePath(prefix), 'buffer').map(decodePath)
}

export function readEntries(prefix: string): ListedKind[] {
  const listed: ListedKind[] = []
  for (const entry of fs.readdirSync(nativePath(prefix), { withFileTypes: true })) {
    if (entry.name.includes('\uFFFD')) return readByteEntries(prefix)
    listed.push({ name: entry.name, kind: kindOf(entry) })
  }
  return listed
}

function readByteEntries(prefix: string): ListedKind[] {
  const entries = fs.readdirSync(nativePath(prefix), { withFileTypes: true, encoding: 'buffer' })
  return entries.map(entry => ({ name: decodePath(entry.name), kind: kindOf(entry) }))
}

function kindOf(entry: fs.Dirent<string> | fs.Dirent<Buffer>): EntryKind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'dir'
  return entry.isSymbolicLink() ? 'link' : 'other'
}

import { posix } from 'node:path'
import { type LoadOptions, loadManifest } from '../../../src/manifest/load-manifest.ts'
import type { Complaint, Dev, Manifest } from '../../../src/manifest/manifest.ts'
import { ManifestError } from '../../../src/manifest/manifest-error.ts'
import type { ManifestFiles } from '../../../src/manifest/manifest-files.ts'

/** A laptop in memory: files by absolute path; the folders that hold them exist, and those that end in a slash. */
export function laptop(contents: Record<string, string | Uint8Array>): ManifestFiles {
  const files = new Map<string, Uint8Array>()
  const folders = new Set(['/'])
  for (const [path, content] of Object.entries(contents)) {
    if (!path.endsWith('/')) files.set(path, Buffer.from(content as string))
    for (let folder = path.endsWith('/') ? path.slice(0, -1) : posix.dirname(path); folder !== '/'; ) {
      folders.add(folder)
      folder = posix.dirname(folder)
    }
  }
  return {
    stat(path) {
      const bytes = files.get(path)
      if (bytes !== undefined) return { kind: 'file', sizeBytes: bytes.byteLength }
      return folders.has(path) ? { kind: 'folder', sizeBytes: 0 } : null
    },
    readFile(path) {
      const bytes = files.get(path)
      if (bytes === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
      return bytes
    },
    names: folder => [...files.keys()].filter(path => posix.dirname(path) === folder).map(path => posix.basename(path)),
  }
}

/** `/work/app/dev.yml` with this text, beside the folders `src` and `lib`. */
export function load(
  text: string | Uint8Array,
  more: Partial<LoadOptions> & { beside?: Record<string, string> } = {},
): Manifest {
  const { beside = {}, ...options } = more
  const files = laptop({
    '/work/app/dev.yml': text,
    '/work/app/src/': '',
    '/work/app/lib/': '',
    '/home/ann/code/': '',
    ...beside,
  })
  return loadManifest({ file: 'dev.yml', cwd: '/work/app', env: {}, home: '/home/ann', files, ...options })
}

/** The one dev of a v2 file whose dev `web` has these fields, each line indented as it is written. */
export function loadDev(fields: string, more: Parameters<typeof load>[1] = {}): Dev & { warnings: string[] } {
  const manifest = load(`dev:\n  web:\n${indent(fields)}`, more)
  return { ...manifest.devs[0]!, warnings: manifest.warnings.map(short) }
}

/** What is wrong with the manifest: `line:column message`, one string each. */
export function errorsOf(text: string | Uint8Array, more: Parameters<typeof load>[1] = {}): string[] {
  try {
    load(text, more)
  } catch (error) {
    if (error instanceof ManifestError) return error.complaints.map(short)
    throw error
  }
  return []
}

/** Likewise for fields of the dev `web`, whose first line is line 3 and whose first column is 5. */
export function devErrors(fields: string, more: Parameters<typeof load>[1] = {}): string[] {
  return errorsOf(`dev:\n  web:\n${indent(fields)}`, more)
}

export function short({ at, message }: Complaint): string {
  return `${at.line}:${at.column} ${message}`
}

function indent(fields: string): string {
  return fields.replace(/^(?=.)/gm, '    ')
}

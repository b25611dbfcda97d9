import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '../../syncer/base/errors.ts'
import { discoverManifest } from './discover.ts'
import { parseDotenv } from './dotenv.ts'
import type { Complaint, Manifest } from './manifest.ts'
import { ManifestError } from './manifest-error.ts'
import { diskManifestFiles, type ManifestFiles } from './manifest-files.ts'
import { quotePath } from './quote-text.ts'
import { readManifest } from './read-manifest.ts'
import { decodeSource, sourceBytesMax } from './source-text.ts'
import type { Lookup } from './variables.ts'

const dotenvWarningsMax = 10

export interface LoadOptions {
  /** Path of the manifest, from `cwd`; absent: the usual names from `cwd` upwards. */
  file?: string
  cwd: string
  env: Record<string, string | undefined>
  /** The person's home folder: `~` in a local path, and the end of the way upwards. */
  home: string
  files?: ManifestFiles
  /** A local folder that is not there is no fault. */
  foldersMayBeGone?: boolean
}

/**
 * Finds, reads and checks a manifest. Throws {@link ManifestError} for what is wrong inside it, and
 * `UserError('manifest')` without a position where there is no file to point into.
 */
export function loadManifest(options: LoadOptions): Manifest {
  const { cwd, env, home, files = diskManifestFiles, foldersMayBeGone = false } = options
  const { file, from } = options.file === undefined ? discoverManifest(files, cwd, home) : named(options.file, cwd)
  const text = readSource(files, file, options.file ?? file)
  const ownFolder = dirname(file)
  const baseFolder = basename(ownFolder) === '.okteto' ? dirname(ownFolder) : ownFolder
  const own: Lookup = name => (Object.hasOwn(env, name) ? env[name] : undefined)
  const { lookup, warnings } = withDotenv(files, join(from, '.env'), own)
  const manifest = readManifest(text, { file, ownFolder, baseFolder, home, lookup, files, foldersMayBeGone })
  return { ...manifest, warnings: [...warnings.slice(0, dotenvWarningsMax), ...manifest.warnings] }
}

function named(file: string, cwd: string): { file: string; from: string } {
  return { file: resolve(cwd, file), from: cwd }
}

function readSource(files: ManifestFiles, file: string, shown: string): string {
  const name = quotePath(shown)
  const refuse = (message: string, hint?: string, cause?: unknown): never => {
    throw new UserError('manifest', message, { hint, cause })
  }
  let bytes: Uint8Array
  try {
    const stat = files.stat(file)
    if (stat === null) return refuse(`there is no file ${name}`)
    if (stat.kind === 'folder') return refuse(`${name} is a folder`, 'name the manifest in it')
    if (stat.kind !== 'file') return refuse(`${name} is not a file`)
    if (stat.sizeBytes > sourceBytesMax) throw tooLarge(file)
    bytes = files.readFile(file)
  } catch (error) {
    if (error instanceof UserError) throw error
    return refuse(`${name} cannot be read`, undefined, error)
  }
  // The file may have grown since.
  if (bytes.byteLength > sourceBytesMax) throw tooLarge(file)
  return decodeSource(bytes, file)
}

function tooLarge(file: string): ManifestError {
  const at = { file, line: 1, column: 1 }
  return new ManifestError([{ at, message: 'the file is larger than 1 MiB: this is no manifest' }])
}

/** Variables of `.env` fill what the environment leaves unset; a line that cannot be read gives a warning. */
function withDotenv(files: ManifestFiles, file: string, lookup: Lookup): { lookup: Lookup; warnings: Complaint[] } {
  const at = { file, line: 1, column: 1 }
  try {
    const stat = files.stat(file)
    // A folder of this name is a Python environment.
    if (stat?.kind !== 'file') return { lookup, warnings: [] }
    if (stat.sizeBytes > sourceBytesMax) return { lookup, warnings: [{ at, message: 'larger than 1 MiB: not read' }] }
    const { entries, complaints } = parseDotenv(decodeSource(files.readFile(file), file), file, lookup)
    const values = new Map(entries.map(({ name, value }) => [name, value]))
    return { lookup: name => lookup(name) ?? values.get(name), warnings: complaints }
  } catch (error) {
    const warnings = error instanceof ManifestError ? error.complaints : [{ at, message: 'this file cannot be read' }]
    return { lookup, warnings }
  }
}

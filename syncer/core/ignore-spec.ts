import { ProtocolError } from '../base/errors.ts'
import { assertSafePath, type Path } from './path.ts'
import { isPolicy, type SyncPolicy } from './sync-policy.ts'

/** A file of rules, or a part of one. */
export interface IgnoreSource {
  /** Folder whose content the rules are about. */
  dir: Path
  /** As people know it: `.gitignore`, `web/.gitignore`, `podswap.yml`. */
  file: string
  syntax: 'git' | 'syncthing'
  /** Decoded by `decodePath`, so that names that are not UTF-8 match. */
  text: string
  /** Line of the file with which `text` begins; 1 when absent. */
  firstLine?: number
}

/** All that decides what is left out. Plain data: it travels as JSON, and both ends compile the same. */
export interface IgnoreSpec {
  /** Those of a deeper folder come before those of one above; of one folder's the first in the list. */
  sources: IgnoreSource[]
  /** Globs from the root on (`.env`, `config/*.key`) for what is synced although a rule leaves it out. */
  include: string[]
  /** Leaves out the folders that tools generate: where no ignore file was found. */
  withoutGenerated: boolean
  /** Rules hold whatever the case (git's `core.ignoreCase`). */
  foldsCase: boolean
  /** Whose changes of the rest travel; both ends' when absent. */
  policy?: SyncPolicy
}

export const noIgnoreSpec: IgnoreSpec = { sources: [], include: [], withoutGenerated: false, foldsCase: false }

export function serializeIgnoreSpec(spec: IgnoreSpec): string {
  return JSON.stringify(spec)
}

/** @throws ProtocolError for anything that {@link serializeIgnoreSpec} does not write */
export function parseIgnoreSpec(text: string): IgnoreSpec {
  if (text.length > specCharactersMax) throw new ProtocolError('ignore rules are too long')
  let spec: unknown
  try {
    spec = JSON.parse(text)
  } catch {
    throw new ProtocolError('ignore rules are not JSON')
  }
  if (!isSpec(spec)) throw new ProtocolError('malformed ignore rules')
  for (const { dir } of spec.sources) if (dir !== '') assertSafePath(dir)
  return spec
}

const specCharactersMax = 4 * 1024 * 1024

function isSpec(value: unknown): value is IgnoreSpec {
  return (
    isRecord(value) &&
    Array.isArray(value.sources) &&
    value.sources.every(isSource) &&
    Array.isArray(value.include) &&
    value.include.every(glob => typeof glob === 'string') &&
    typeof value.withoutGenerated === 'boolean' &&
    typeof value.foldsCase === 'boolean' &&
    (value.policy === undefined || isPolicy(value.policy))
  )
}

function isSource(value: unknown): value is IgnoreSource {
  return (
    isRecord(value) &&
    typeof value.dir === 'string' &&
    typeof value.file === 'string' &&
    (value.syntax === 'git' || value.syntax === 'syncthing') &&
    typeof value.text === 'string' &&
    (value.firstLine === undefined || Number.isSafeInteger(value.firstLine))
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

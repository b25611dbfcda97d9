import { CompiledIgnore, type IgnoreRules } from './ignore.ts'
import type { IgnoreSource, IgnoreSpec } from './ignore-spec.ts'
import { type IgnoreComplaint, stignoreIncludes } from './ignore-syncthing.ts'
import { joinPath, nameOf, type Path, parentOf } from './path.ts'
import type { SyncPolicy } from './sync-policy.ts'

/** Files of rules, the one that counts first: where the root has it, the others say nothing. */
export const ignoreFileNames = ['.podswapignore', '.stignore', '.gitignore'] as const

/** Git's own rules for this clone alone; lower than any `.gitignore`. */
const gitExclude = '.git/info/exclude'

/** A folder as {@link collectIgnore} sees it. */
export interface RuleFiles {
  /** Text of a regular file as `decodePath` gives it; null where there is none, or none that can be read. */
  readText(path: Path): string | null
  /** Names in a folder: of the real folders, no links and no mounts, and of everything else. */
  list(dir: Path): { folders: string[]; others: ReadonlySet<string> }
}

export interface CollectOptions {
  include?: string[]
  foldsCase?: boolean
  policy?: SyncPolicy
  /** From elsewhere (the manifest, the user's own git configuration), lower than what the folder holds. */
  extra?: IgnoreSource[]
}

export interface CollectedIgnore {
  spec: IgnoreSpec
  rules: IgnoreRules
  /** The kind of file that was found. */
  found: (typeof ignoreFileNames)[number] | undefined
  /** Lines that could not be understood. */
  complaints: IgnoreComplaint[]
  /** Undefined where not everything was looked at. */
  passedBy: PassedBy | undefined
}

/**
 * What was met on the way to the ignore files and may be left out: of the folders that were looked into nothing else is.
 * Some of it may travel after all, because the search passes by more than the rules leave out.
 */
export interface PassedBy {
  folders: Path[]
  files: Path[]
}

/** Reads the rules of a folder, those of the folders in it too, without looking into ignored ones. */
export function collectIgnore(files: RuleFiles, options: CollectOptions = {}): CollectedIgnore {
  const kind = ignoreFileNames.find(name => files.readText(name) !== null) ?? '.gitignore'
  const complaints: IgnoreComplaint[] = []
  const top = kind === '.stignore' ? stignoreSources(files, complaints) : sourcesOf(files, '', kind)
  const lower = [...(kind === '.gitignore' ? sourcesOf(files, '', gitExclude) : []), ...(options.extra ?? [])]
  const { nested, passedBy } =
    kind === '.stignore' ? nothingBelow : searchBelow(files, kind, specOf([...top, ...lower], options, true))
  const found = top.length + nested.length > 0 ? kind : undefined
  const spec = specOf([...top, ...lower, ...nested], options, found === undefined)
  const rules = new CompiledIgnore(spec)
  return { spec, rules, found, complaints: [...complaints, ...rules.complaints], passedBy }
}

/** True where a change of the file changes the rules. */
export function isIgnoreFile(path: Path, spec: IgnoreSpec): boolean {
  const name = nameOf(path)
  return ignoreFileNames.some(known => known === name) || spec.sources.some(source => source.file === path)
}

function specOf(sources: IgnoreSource[], options: CollectOptions, withoutGenerated: boolean): IgnoreSpec {
  const { include = [], foldsCase = false, policy } = options
  return { sources, include, withoutGenerated, foldsCase, ...(policy && { policy }) }
}

function sourcesOf(files: RuleFiles, dir: Path, file: Path): IgnoreSource[] {
  const text = files.readText(file)
  return text === null ? [] : [{ dir, file, syntax: 'git', text }]
}

interface Search {
  nested: IgnoreSource[]
  passedBy: PassedBy | undefined
}

const nothingBelow: Search = { nested: [], passedBy: undefined }

/** Folders that tools generate hold rule files of others by the thousand: those are not looked into. */
function searchBelow(files: RuleFiles, name: string, top: IgnoreSpec): Search {
  const rules = new CompiledIgnore(top)
  const nested: IgnoreSource[] = []
  const passedBy: PassedBy = { folders: [], files: [] }
  const open: Path[] = ['']
  while (open.length > 0 && nested.length < sourcesMax) {
    const dir = open.pop()!
    const listed = files.list(dir)
    if (dir !== '' && listed.others.has(name)) {
      for (const source of sourcesOf(files, dir, joinPath(dir, name))) {
        nested.push(source)
        rules.add(source)
      }
    }
    for (const child of listed.folders) {
      const path = joinPath(dir, child)
      if (!rules.ignored(path, true)) open.push(path)
      else if (passedBy.folders.length < passedByMax) passedBy.folders.push(path)
    }
    for (const child of listed.others) {
      const path = joinPath(dir, child)
      if (passedBy.files.length < passedByMax && rules.ignored(path, false)) passedBy.files.push(path)
    }
  }
  const isWhole = open.length === 0 && Math.max(passedBy.folders.length, passedBy.files.length) < passedByMax
  return { nested, passedBy: isWhole ? passedBy : undefined }
}

const passedByMax = 50_000
const sourcesMax = 10_000

/** A `.stignore`, cut at its `#include` lines. */
function stignoreSources(files: RuleFiles, complaints: IgnoreComplaint[]): IgnoreSource[] {
  const sources: IgnoreSource[] = []
  const open = new Set<Path>()
  const add = (file: Path, text: string): void => {
    const lines = text.split('\n')
    let from = 0
    const addUpTo = (end: number) => {
      const part = lines.slice(from, end).join('\n')
      sources.push({ dir: '', file, syntax: 'syncthing', text: part, firstLine: from + 1 })
      from = end
    }
    open.add(file)
    for (const include of stignoreIncludes(text)) {
      addUpTo(include.line - 1)
      const path = pathBeside(file, include.file)
      const included = path === undefined ? null : files.readText(path)
      if (path === undefined || included === null || open.has(path) || sources.length > sourcesMax) {
        complaints.push({ file, line: include.line, message: `cannot include ${include.file}` })
      } else add(path, included)
    }
    addUpTo(lines.length)
    open.delete(file)
  }
  add('.stignore', files.readText('.stignore') ?? '')
  return sources
}

/** Where `name`, written in `file`, leads from that file's folder; undefined outside of the root. */
function pathBeside(file: Path, name: string): Path | undefined {
  if (name.startsWith('/')) return undefined
  const path: string[] = parentOf(file) === '' ? [] : parentOf(file).split('/')
  for (const part of name.split('/')) {
    if (part === '..' && path.pop() === undefined) return undefined
    if (part !== '' && part !== '.' && part !== '..') path.push(part)
  }
  return path.length === 0 ? undefined : path.join('/')
}

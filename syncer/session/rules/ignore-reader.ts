import { errnoOf, ProtocolError } from '../../base/errors.ts'
import { compileIgnore, type IgnoreRules } from '../../core/ignore.ts'
import { type CollectedIgnore, collectIgnore, isIgnoreFile, type RuleFiles } from '../../core/ignore-collect.ts'
import { parseIgnoreSpec, serializeIgnoreSpec } from '../../core/ignore-spec.ts'
import { decodePath, joinPath, type Path } from '../../core/path.ts'
import type { SyncPolicy } from '../../core/sync-policy.ts'
import { type Disk, type EntryKind, inTree } from '../../disk/disk.ts'
import type { KnownNames } from '../../endpoint/scanner.ts'
import { IgnoredSurvey } from './ignored-survey.ts'
import { ListedNames } from './listed-names.ts'

const ruleFileBytesMax = 1024 * 1024
/** Folders that are looked through for ignore files in one that appeared; a larger one is met folder by folder. */
const foldersBelowMax = 1_000

/** What the manifest says beside the ignore files. */
export interface IgnoreReaderOptions {
  /** Globs from the root on for what travels although a rule leaves it out. */
  include?: string[]
  policy?: SyncPolicy
}

/** Reads the ignore files of the laptop's folder; both ends follow what it finds. */
export class IgnoreReader {
  private readonly disk: Disk
  private readonly options: IgnoreReaderOptions
  private collected: CollectedIgnore
  /** Ignore file → its text when it was read. */
  private texts: Map<Path, string>
  private readonly listed = new ListedNames()
  private passedBy: ReadonlySet<Path> | undefined

  /** @param watch is called with each folder before it is listed for the first time; then {@link takeNames} has it */
  constructor(disk: Disk, options: IgnoreReaderOptions = {}, watch?: (dir: Path) => void) {
    this.disk = disk
    this.options = options
    this.collected = this.collect(watch)
    this.texts = textsOf(this.collected)
  }

  get rules(): IgnoreRules {
    return this.collected.rules
  }

  /** The rules as the pod is told them. */
  get text(): string {
    return serializeIgnoreSpec(this.collected.spec)
  }

  /** Somebody said what is not to be synced. */
  get hasFiles(): boolean {
    return this.collected.found !== undefined
  }

  /** True where a change of the file changes the rules. */
  isSource(path: Path): boolean {
    return isIgnoreFile(path, this.collected.spec)
  }

  /** True where the folder has an ignore file of its own that was not read, or no longer has the one that was. */
  hasNewsIn(dir: Path, names: Iterable<string>): boolean {
    if (dir === '' || this.collected.found === '.stignore') return false
    const name = this.collected.found ?? '.gitignore'
    const path = joinPath(dir, name)
    const known = this.texts.get(path)
    if (known === undefined && !(includes(names, name) && this.isFile(path))) return false
    return readText(this.disk, path) !== (known ?? null)
  }

  /** The same for a folder and all those in it that are not left out; false where the path is no folder. */
  hasNewsBelow(path: Path): boolean {
    if (!this.isFolder(path)) return false
    const open = [path]
    for (let looked = 0; open.length > 0 && looked < foldersBelowMax; looked++) {
      const dir = open.pop()!
      if (this.rules.ignored(dir, true)) continue
      const { folders, others } = list(this.disk, dir)
      if (this.hasNewsIn(dir, others)) return true
      for (const name of folders) open.push(joinPath(dir, name))
    }
    return false
  }

  /** What a folder holds, from when the rules were read; undefined where that is not known, or `rules` are others. */
  takeNames(dir: Path, rules: Pick<IgnoreRules, 'ignored'>): KnownNames | undefined {
    const listed = this.listed.take(dir)
    const { passedBy } = this.collected
    if (listed === undefined || passedBy === undefined || rules !== this.rules) return undefined
    this.passedBy ??= new Set([...passedBy.folders, ...passedBy.files])
    return { ...listed, passedBy: this.passedBy }
  }

  /** Names changed somewhere, or may have. */
  forgetNames(): void {
    this.listed.clear()
    this.passedBy = undefined
  }

  /** Reads the files again. */
  refresh(): void {
    this.forgetNames()
    this.collected = this.collect()
    this.texts = textsOf(this.collected)
  }

  /** The kind of ignore file that counts; `defaults` without one. */
  get source(): string {
    return this.collected.found ?? 'defaults'
  }

  /** Counts what the rules of now leave out. */
  survey(): IgnoredSurvey {
    return new IgnoredSurvey(this.disk, this.rules, this.collected.passedBy)
  }

  private isFile(path: Path): boolean {
    return kindOf(this.disk, path) === 'file'
  }

  private isFolder(path: Path): boolean {
    return kindOf(this.disk, path) === 'dir'
  }

  private collect(watch?: (dir: Path) => void): CollectedIgnore {
    const files: RuleFiles = {
      readText: path => readText(this.disk, path),
      list: dir => {
        watch?.(dir)
        return list(this.disk, dir, watch && (listed => this.listed.keep(dir, listed)))
      },
    }
    const foldsCase = process.platform === 'darwin' || process.platform === 'win32'
    return collectIgnore(files, { foldsCase, ...this.options })
  }
}

/** The laptop's rules at the pod's end. @throws ProtocolError where the text is none */
export function compileRules(text: string): IgnoreRules {
  try {
    return compileIgnore(parseIgnoreSpec(text))
  } catch (error) {
    throw new ProtocolError(`malformed ignore rules: ${error instanceof Error ? error.message : error}`)
  }
}

function textsOf({ spec }: CollectedIgnore): Map<Path, string> {
  return new Map(spec.sources.map(({ file, text }) => [file, text]))
}

/** Of the entry itself; a mount is none of ours. */
function kindOf(disk: Disk, path: Path): EntryKind | undefined {
  try {
    const stat = disk.stat(inTree(path))
    return stat === null || stat.mount === true ? undefined : stat.kind
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

function readText(disk: Disk, path: Path): string | null {
  try {
    const file = disk.open(inTree(path))
    try {
      return decodePath(file.read(0, ruleFileBytesMax))
    } finally {
      file.close()
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return null
  }
}

function includes(names: Iterable<string>, wanted: string): boolean {
  for (const name of names) if (name === wanted) return true
  return false
}

function list(
  disk: Disk,
  dir: Path,
  keep?: (listed: Pick<KnownNames, 'names' | 'folders'>) => void,
): { folders: string[]; others: Set<string> } {
  const folders: string[] = []
  const others = new Set<string>()
  try {
    const listed = disk.list(dir, keep && 'unchecked')
    for (const { name, kind, mount } of listed) {
      if (kind !== 'dir') others.add(name)
      else if (!mount) folders.push(name)
    }
    keep?.({ names: listed.map(({ name }) => name), folders: new Set(folders) })
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
  return { folders, others }
}

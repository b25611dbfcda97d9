import { errnoOf, ProtocolError } from '../base/errors.ts'
import { compileIgnore, type IgnoreRules } from '../core/ignore.ts'
import { type CollectedIgnore, collectIgnore, isIgnoreFile, type RuleFiles } from '../core/ignore-collect.ts'
import { parseIgnoreSpec, serializeIgnoreSpec } from '../core/ignore-spec.ts'
import { decodePath, joinPath, type Path } from '../core/path.ts'
import { type Disk, inTree } from '../disk/disk.ts'

const ruleFileBytesMax = 1024 * 1024
const summaryFoldersMax = 20

/** Reads the ignore files of the laptop's folder; both ends follow what it finds. */
export class IgnoreReader {
  private readonly disk: Disk
  private collected: CollectedIgnore

  constructor(disk: Disk) {
    this.disk = disk
    this.collected = this.collect()
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

  /** Reads the files again. */
  refresh(): void {
    this.collected = this.collect()
  }

  /** Folders at the top that are left out, and by which rule. */
  summary(): { source: string; folders: { folder: Path; rule: string }[] } {
    const folders: { folder: Path; rule: string }[] = []
    for (const folder of foldersIn(this.disk, '')) {
      const reason = this.rules.explain(folder, true)
      if (reason !== null && folders.length < summaryFoldersMax) folders.push({ folder, rule: reason.rule })
    }
    return { source: this.collected.found ?? 'defaults', folders }
  }

  private collect(): CollectedIgnore {
    const files: RuleFiles = {
      readText: path => readText(this.disk, path),
      folders: dir => foldersIn(this.disk, dir),
    }
    return collectIgnore(files, { foldsCase: process.platform === 'darwin' || process.platform === 'win32' })
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

function foldersIn(disk: Disk, dir: Path): string[] {
  try {
    const folders = disk.list(dir).filter(({ kind }) => kind === 'dir')
    return folders.map(({ name }) => name).filter(name => disk.stat(inTree(joinPath(dir, name)))?.mount !== true)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return []
  }
}

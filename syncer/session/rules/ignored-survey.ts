import { errnoOf } from '../../base/errors.ts'
import type { IgnoreReason, IgnoreRules } from '../../core/ignore.ts'
import type { PassedBy } from '../../core/ignore-collect.ts'
import { joinPath, type Path } from '../../core/path.ts'
import type { Disk } from '../../disk/disk.ts'

const entriesMax = 500_000
const foldersShownMax = 10
const judgedAtOnce = 64

/** A folder that is left out whole, and why. */
export interface IgnoredFolder extends IgnoreReason {
  folder: Path
  /** Files in it, at any depth. */
  files: number
}

/** What of a folder is left out. */
export interface IgnoredSummary {
  /** All files that are left out, those in folders included. */
  files: number
  /** How many folders are left out whole; `largest` are those with the most files. */
  folders: number
  largest: IgnoredFolder[]
  /** Files beside those folders, by the rule that leaves them out; the ten with the most. */
  rules: (IgnoreReason & { files: number })[]
  /** Not everything was counted yet, or it is too much to count. */
  isPartial: boolean
}

/** Counts what is left out, in slices: names only, no file is opened. */
export class IgnoredSurvey {
  private readonly disk: Disk
  private readonly rules: IgnoreRules
  private readonly open: { dir: Path; within: IgnoredFolder | undefined }[]
  private readonly passedBy: { paths: Path[]; isDir: boolean }[]
  private readonly folders: IgnoredFolder[] = []
  private readonly byRule = new Map<string, IgnoreReason & { files: number }>()
  private files = 0
  private entries = 0

  /** @param passedBy what may be left out, where that is known: the rest need not be looked at again */
  constructor(disk: Disk, rules: IgnoreRules, passedBy?: PassedBy) {
    this.disk = disk
    this.rules = rules
    this.open = passedBy === undefined ? [{ dir: '', within: undefined }] : []
    this.passedBy = [
      { paths: [...(passedBy?.folders ?? [])], isDir: true },
      { paths: [...(passedBy?.files ?? [])], isDir: false },
    ]
  }

  get isDone(): boolean {
    return this.entries > entriesMax || !this.hasMore
  }

  /** Looks into at least one more folder, or at some of what was passed by. */
  step(isOver: () => boolean): void {
    do {
      const known = this.passedBy.find(({ paths }) => paths.length > 0)
      if (known === undefined) this.lookInto()
      else for (const path of known.paths.splice(-judgedAtOnce)) this.judge(path, known.isDir)
    } while (!this.isDone && !isOver())
  }

  private get hasMore(): boolean {
    return this.open.length > 0 || this.passedBy.some(({ paths }) => paths.length > 0)
  }

  summary(): IgnoredSummary {
    const most = <Counted extends { files: number }>(counted: Iterable<Counted>) =>
      [...counted].sort((a, b) => b.files - a.files).slice(0, foldersShownMax)
    return {
      files: this.files,
      folders: this.folders.length,
      largest: most(this.folders).map(folder => ({ ...folder })),
      rules: most(this.byRule.values()).map(rule => ({ ...rule })),
      isPartial: this.hasMore,
    }
  }

  private lookInto(): void {
    const next = this.open.pop()
    if (next === undefined) return
    const { dir, within } = next
    for (const { name, kind } of this.list(dir)) {
      this.entries += 1
      const path = joinPath(dir, name)
      if (within === undefined) this.judge(path, kind === 'dir')
      else if (kind === 'dir') this.open.push({ dir: path, within })
      else {
        this.files += 1
        within.files += 1
      }
    }
  }

  private judge(path: Path, isDir: boolean): void {
    // What is private, or git's own, is nobody's rule.
    const reason = this.rules.ignored(path, isDir) ? this.rules.explain(path, isDir) : null
    if (reason === null) {
      if (isDir) this.open.push({ dir: path, within: undefined })
    } else if (reason.source === 'always') return
    else if (isDir) {
      const folder = { folder: path, ...reason, files: 0 }
      this.folders.push(folder)
      this.open.push({ dir: path, within: folder })
    } else {
      this.files += 1
      const key = `${reason.source}:${reason.line} ${reason.rule}`
      const rule = this.byRule.get(key) ?? { ...reason, files: 0 }
      rule.files += 1
      this.byRule.set(key, rule)
    }
  }

  private list(dir: Path) {
    try {
      return this.disk.list(dir)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return []
    }
  }
}

import type { Disk, Placed, Stat } from '../disk/disk.ts'
import type { Litter } from './litter.ts'
import type { Outcome } from './outcome.ts'
import { attempt, type Replacement, type Replacer, unknownStat } from './replace.ts'
import type { Stage, UnstagedFile } from './stage.ts'
import type { Trash } from './trash.ts'

/** So many files that change places at once are told of it at once. */
export const fewMax = 4

/** Content of which no file was made yet, and that is to take the place of a file. */
export interface Unstaged extends Omit<Replacement, 'from'> {
  readonly from: UnstagedFile
}

interface LandingContext {
  disk: Disk
  litter: Litter
  stage: Stage
  trash: Trash
  replacer: Replacer
  /** Takes note of what became of a change. @param now what has the path, where that was looked at */
  finished(replacement: Replacement, outcome: Outcome, isOneOfMany: boolean, now?: Stat | null): Outcome
}

/**
 * Puts content in the place of files, of many at once, where the disk itself makes the files and has each change places
 * only with what was known to stand there. It is as with {@link Replacer.begin} else, whoever dies in between.
 */
export class Landing {
  private readonly in: LandingContext

  constructor(context: LandingContext) {
    this.in = context
  }

  /** Whether the disk does this. */
  get isThere(): boolean {
    return this.in.disk.beginPlacing !== undefined
  }

  /**
   * Begins it, which may go on until what is returned was called. No path may be there twice.
   * @returns ends it, and gives for each how it went; `unplaced`: nothing was done, and the other way may do
   */
  begin(files: readonly Unstaged[]): () => (Outcome | 'unplaced')[] {
    const { disk, stage, trash } = this.in
    const placings = files.map(({ path, before, expected, data, from }) => {
      return { path, before, fresh: stage.newName(), kept: trash.nameFor(path, expected, data), ...from }
    })
    const end = files.length > 0 ? disk.beginPlacing?.(placings) : undefined
    if (end === undefined) return () => files.map(() => 'unplaced')
    const areMany = files.length > fewMax
    return () => end().map((placed, i) => this.landed(files[i]!, placings[i]!, placed, areMany))
  }

  private landed(
    file: Unstaged,
    { fresh, kept }: { fresh: string; kept: string },
    placed: Placed,
    isOneOfMany: boolean,
  ): Outcome | 'unplaced' {
    const { replacer, litter } = this.in
    if ('code' in placed && placed.code !== 'ETIME') {
      // What the disk could not do it may not have undone either. It is not what was expected before any file is made.
      if (placed.code !== 'ESTALE') for (const name of [fresh, kept]) litter.remove(name)
      return 'unplaced'
    }
    const isKnown = 'made' in placed
    // Else it may have its next name yet, or may get it now, and is never exchanged any more.
    if (!isKnown) litter.remove(fresh)
    const stat = isKnown ? placed.made : unknownStat
    const replacement = { ...file, from: { name: fresh, token: file.data, mode: file.from.mode, stat } }
    const got = isKnown ? (placed.kept ?? undefined) : undefined
    const code = isKnown ? undefined : 'ETIME'
    const outcome = attempt(() => replacer.exchanged({ replacement, kept, at: 0 }, code, got))
    if (outcome.result !== 'done') return outcome
    return this.in.finished(replacement, outcome, isOneOfMany, isKnown ? placed.placed : undefined)
  }
}

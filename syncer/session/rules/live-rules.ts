import type { Path } from '../../core/path.ts'
import type { IgnoreReader } from './ignore-reader.ts'

/** Somebody who edits an ignore file saves it more than once. */
const rereadMs = 200

/** Reads the ignore files again when they change, and when they come along with a folder. */
export class LiveRules {
  private readonly reader: IgnoreReader
  private readonly apply: (text: string) => void
  private timer: NodeJS.Timeout | undefined

  /** @param apply is given the rules as {@link IgnoreReader.text} has them; never from within a call of the engine */
  constructor(reader: IgnoreReader, apply: (text: string) => void) {
    this.reader = reader
    this.apply = apply
  }

  /** Something of this name changed, and the engine has not looked at it yet. */
  changed(path: Path, kind: 'rename' | 'change'): void {
    if (this.reader.isSource(path)) this.readIn(rereadMs)
    // before the engine looks into the folder: what it should leave alone must not be on its way by then
    else if (kind === 'rename' && this.reader.hasNewsBelow(path)) this.read()
  }

  /** The engine has listed a folder, from within a scan; the folder was watched before. */
  listed(dir: Path, names: Iterable<string>): void {
    if (this.timer === undefined && this.reader.hasNewsIn(dir, names)) this.readIn(0)
  }

  /**
   * The engine has given a folder another name, with all that is in it, from within its call.
   * @returns the rules' text where an ignore file came along
   */
  moved(path: Path): string | undefined {
    if (!this.reader.hasNewsBelow(path)) return undefined
    this.reader.refresh()
    return this.reader.text
  }

  /** What waits to be read is read now. */
  flush(): void {
    if (this.timer !== undefined) this.read()
  }

  close(): void {
    clearTimeout(this.timer)
  }

  private readIn(delayMs: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.read(), delayMs)
  }

  private read(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.reader.refresh()
    this.apply(this.reader.text)
  }
}

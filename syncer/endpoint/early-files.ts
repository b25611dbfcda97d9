import { errnoOf, ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Token } from '../core/content.ts'
import type { Early } from '../wire/content-message.ts'
import type { Stage, StagedFile } from './stage.ts'

/** Private files with content that came before it was decided whether it is wanted: a few, for a moment. */
export class EarlyFiles {
  private readonly stage: Stage
  private readonly mode: (path: string, token: Token) => number
  private readonly files = new Map<number, StagedFile>()

  /** @param mode permission bits of what takes the place of what stands at a path */
  constructor(stage: Stage, mode: (path: string, token: Token) => number) {
    this.stage = stage
    this.mode = mode
  }

  /**
   * Without room, or a right, there is nothing to tell: the PUT tells what becomes of it.
   * @throws ProtocolError where the content is not what its token says
   */
  add({ id, path, token, mtimeMs, bytes }: Early): void {
    this.discard(id)
    try {
      const file = this.stage.write(token, bytes, mtimeMs, true, this.mode(path, token))
      if (file === undefined) throw new ProtocolError('content that does not match its hash')
      this.files.set(id, file)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
    if (this.files.size > limits.earlyMax) this.discard(this.files.keys().next().value!)
  }

  /** The caller owns it from now on. */
  take(id: number): StagedFile | undefined {
    const file = this.files.get(id)
    this.files.delete(id)
    return file
  }

  names(): string[] {
    return [...this.files.values()].map(({ name }) => name)
  }

  clear(): void {
    for (const id of [...this.files.keys()]) this.discard(id)
  }

  private discard(id: number): void {
    const file = this.take(id)
    if (file !== undefined) this.stage.discard(file)
  }
}

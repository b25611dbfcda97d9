import { errnoOf, ProtocolError } from '../../base/errors.ts'
import { hashOf, isExecutable, isFile, kindOf, type Token } from '../../core/content.ts'
import { withExecutable } from '../../endpoint/file-stat.ts'
import type { Outcome } from '../../endpoint/outcome.ts'
import type { Replica } from '../../endpoint/replica.ts'
import type { StagedFile } from '../../endpoint/stage.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Put } from '../../wire/change-message.ts'

type Failed = Extract<Outcome, { result: 'failed' }>

/**
 * Content for a change: from the message, from staging, or from the path itself when only its mode differs. Undefined where
 * it is not here, or the change has none.
 * @throws ProtocolError where it is not what the change names
 */
export function contentOf(replica: Replica, entry: Entry, put: Put, current: Token): StagedFile | undefined | Failed {
  const { stage, applier } = replica
  if (kindOf(put.data) !== 'file' && kindOf(put.data) !== 'link') return undefined
  try {
    if (kindOf(put.data) === 'link') return applier.stageLink(put.data)
    if (put.staged !== undefined) {
      const staged = replica.takeStaged(put.staged)
      if (staged === undefined || staged.token === put.data) return staged
      stage.discard(staged)
      throw new ProtocolError('a change with the content of another')
    }
    if (put.bytes !== undefined) {
      const mode =
        entry.key?.kind === 'file' ? withExecutable(entry.key.mode & 0o777, isExecutable(put.data)) : undefined
      const staged = stage.write(put.data, put.bytes, put.mtimeMs, put.live, mode)
      if (staged === undefined) throw new ProtocolError('content that does not match its hash')
      return staged
    }
    if (!isFile(current) || hashOf(current) !== hashOf(put.data)) return undefined
    // A large one is not copied in one step: it is asked for as content, which is then built of what is here.
    if (entry.size > replica.grain.smallBytesMax) return undefined
    return applier.copyWithMode(put.path, put.data, entry.key)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return { result: 'failed', code }
  }
}

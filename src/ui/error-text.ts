import { UserError } from '../../syncer/base/errors.ts'
import { formatComplaint, ManifestError } from '../manifest/manifest-error.ts'
import type { Paint } from './style.ts'

/**
 * An error for stderr: `file:line:column: message` where it points into a file (every complaint of a manifest), else
 * `podswap: message`, then its hint. `verbose` adds the chain of causes, and the stack of what is a bug of ours.
 */
export function errorText(error: unknown, options: { verbose: boolean; paint: Paint; cwd: string }): string {
  const { paint, verbose, cwd } = options
  const lines = error instanceof UserError ? userLines(error, cwd, paint) : bugLines(error, verbose, paint)
  if (verbose) lines.push(...causeLines(error))
  return `${lines.join('\n')}\n`
}

function userLines(error: UserError, cwd: string, paint: Paint): string[] {
  if (error instanceof ManifestError) {
    const more = error.omitted > 0 ? [`${paint('red', 'podswap:')} and ${error.omitted} more like these`] : []
    return [...error.complaints.map(complaint => formatComplaint(complaint, cwd)), ...more]
  }
  if (error.at) return [formatComplaint({ at: error.at, message: error.message, hint: error.hint }, cwd)]
  const hints = error.hint === undefined ? [] : error.hint.split('\n')
  return [`${paint('red', 'podswap:')} ${error.message}`, ...hints.map(hint => `  ${paint('cyan', 'hint:')} ${hint}`)]
}

function bugLines(error: unknown, verbose: boolean, paint: Paint): string[] {
  const line = `${paint('red', 'podswap:')} ${messageOf(error)} (this is a bug)`
  if (!verbose) return [line, `  ${paint('cyan', 'hint:')} run it again with --verbose to see where it comes from`]
  return [line, ...(error instanceof Error ? stackLines(error) : [])]
}

const CAUSES_MAX = 10

function causeLines(error: unknown): string[] {
  const lines: string[] = []
  let cause = error instanceof Error ? error.cause : undefined
  for (let depth = 0; cause !== undefined && cause !== null && depth < CAUSES_MAX; depth++) {
    lines.push(`  cause: ${nameOf(cause)}${messageOf(cause)}`)
    if (cause instanceof Error && !(cause instanceof UserError)) lines.push(...stackLines(cause))
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return lines
}

function stackLines(error: Error): string[] {
  const frames = (error.stack ?? '').split('\n').filter(line => line.trimStart().startsWith('at '))
  return frames.map(line => `    ${line.trim()}`)
}

function nameOf(value: unknown): string {
  return value instanceof Error && value.name !== 'Error' ? `${value.name}: ` : ''
}

function messageOf(value: unknown): string {
  return value instanceof Error ? value.message : String(value)
}

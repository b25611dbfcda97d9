import { UserError } from '../../syncer/base/errors.ts'
import type { Paint } from './style.ts'

/**
 * An error for stderr: `file:line:column: message` where it points into a file, else `podswap: message`, then its
 * hint. `verbose` adds the chain of causes, and the stack of what is a bug of ours.
 */
export function errorText(error: unknown, options: { verbose: boolean; paint: Paint }): string {
  const { paint, verbose } = options
  const lines: string[] = []
  if (error instanceof UserError) {
    const place = error.at ? `${error.at.file}:${error.at.line}:${error.at.column}` : 'podswap'
    lines.push(`${paint('red', `${place}:`)} ${error.message}`)
    if (error.hint) lines.push(...error.hint.split('\n').map(line => `  ${paint('cyan', 'hint:')} ${line}`))
  } else {
    lines.push(`${paint('red', 'podswap:')} ${messageOf(error)} (this is a bug)`)
    if (!verbose) lines.push(`  ${paint('cyan', 'hint:')} Run it again with --verbose to see where it comes from.`)
    else if (error instanceof Error && error.stack) lines.push(...stackLines(error))
  }
  if (verbose) lines.push(...causeLines(error))
  return `${lines.join('\n')}\n`
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

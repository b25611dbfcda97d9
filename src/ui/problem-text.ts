import type { SyncProblem } from '../../syncer/session/sync-port.ts'

const PATH_LENGTH_MAX = 200

type Problem = Pick<SyncProblem, 'side' | 'path' | 'code' | 'message'>

/** What cannot be synced, where, and why. */
export function problemText({ side, path, code, message }: Problem): string {
  // What the other end could not write is told by the end that has it; the message says where.
  const place = code === 'not-taken-in' ? '' : side === 'pod' ? ' in the pod' : ' on the laptop'
  const said = path !== '' && message.startsWith(`${path} `) ? message.slice(path.length + 1) : message
  const errno = errnoOf(code, message)
  const reason = errno === undefined ? '' : ` (${cures[errno] ? `${cures[errno].reason}, ` : ''}${errno})`
  return `${shortPath(path) || 'the folder'}${place}: ${said.replace(/ \(E[A-Z0-9]+\)$/, '')}${reason}`
}

/** The same, and what a person can do about it. */
export function problemAndCure(problem: Problem): string {
  const cure = cureOf(problem)
  return cure === undefined ? problemText(problem) : `${problemText(problem)}; ${cure}`
}

/** What a person can do about it. */
export function cureOf({ code, message }: Problem): string | undefined {
  return ownCures[code] ?? cures[errnoOf(code, message) ?? '']?.cure
}

/** Why, in a few words: of a system error its meaning and name, else our own code's words. */
export function reasonOf(code: string): string {
  const known = cures[code]?.reason
  return known === undefined ? code.replaceAll('-', ' ') : `${known} (${code})`
}

function errnoOf(code: string, message: string): string | undefined {
  return /^E[A-Z0-9]+$/.test(code) ? code : /\((E[A-Z0-9]+)\)$/.exec(message)?.[1]
}

function shortPath(path: string): string {
  const half = PATH_LENGTH_MAX / 2
  return path.length <= PATH_LENGTH_MAX ? path : `${path.slice(0, half)}…${path.slice(-half)}`
}

const room = 'make room; it is tried again by itself'
const right = 'give sync’s user there the right (chmod, chown), or leave it out in an ignore file'

const otherName = 'give it another name at the other end'

/** Of codes that are no system errors. */
const ownCures: Record<string, string> = {
  halted: 'put them back there, or delete them here too; `podswap down` and `up` fill the pod anew',
  'name-taken': otherName,
  'name-refused': otherName,
}

const cures: Record<string, { reason: string; cure: string }> = {
  EACCES: { reason: 'no permission', cure: right },
  EPERM: { reason: 'not permitted', cure: right },
  ENOSPC: { reason: 'no space is left', cure: room },
  EDQUOT: { reason: 'the quota is used up', cure: room },
  EILSEQ: { reason: 'not a name there', cure: otherName },
  ENAMETOOLONG: { reason: 'the name is too long', cure: 'give it a shorter name' },
  ESTALE: { reason: 'the synced folder was moved or removed', cure: 'put it back; it goes on then' },
  EXDEV: { reason: 'another file system is mounted there', cure: 'leave it out in an ignore file' },
  EROFS: { reason: 'the file system is read-only', cure: 'leave it out in an ignore file, or mount it to be written' },
}

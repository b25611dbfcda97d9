import { ProtocolError } from '../base/errors.ts'

/**
 * What stands at a path, as one comparable string:
 *
 * - `''`            nothing
 * - `d`             a folder
 * - `f<hash hex>`   a file, `x<hash hex>` a file that its owner may execute; the hash is that of `content-sum.ts`
 * - `l<target>`     a symbolic link
 *
 * One more is for one end's own use and never travels: {@link unreadFile}.
 *
 * Two ends agree about a path exactly when their tokens are equal. Owner, group, times and the other permission bits
 * do not travel: a container's user could not set most of them.
 */
export type Token = string

export const absent: Token = ''
export const folder: Token = 'd'

/** A file whose content was not read yet: differs from everything. */
export const unreadFile: Token = 'f'

export type ContentKind = 'absent' | 'dir' | 'file' | 'link'

export function fileToken(hash: string, executable: boolean): Token {
  return (executable ? 'x' : 'f') + hash
}

export function linkToken(target: string): Token {
  return `l${target}`
}

export function kindOf(token: Token): ContentKind {
  switch (token.charCodeAt(0)) {
    case 100:
      return 'dir'
    case 102:
    case 120:
      return 'file'
    case 108:
      return 'link'
    default:
      return 'absent'
  }
}

export function isFile(token: Token): boolean {
  return kindOf(token) === 'file'
}

/** The hash (hex) of a file token. */
export function hashOf(token: Token): string {
  return token.slice(1)
}

export function isExecutable(token: Token): boolean {
  return token.charCodeAt(0) === 120
}

export function linkTargetOf(token: Token): string {
  return token.slice(1)
}

/** Refuses a token from the other end that is not of the form above. */
export function assertToken(token: Token): void {
  const ok = token === absent || token === folder || /^[fx][0-9a-f]{64}$/.test(token) || /^l[^\0]{1,4096}$/s.test(token)
  if (!ok) throw new ProtocolError('malformed content token')
}

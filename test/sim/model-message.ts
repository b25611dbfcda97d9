import type { Token } from '../../syncer/core/content.ts'
import type { Path } from '../../syncer/core/path.ts'

export interface Marker {
  id: string
  epoch: number
}

/** What a pod says of one path: `now` undefined where it could not be read, `base` undefined where it knows none. */
export interface Said {
  path: Path
  now: Token | undefined
  base: Token | undefined
}

/** One path of a subtree; `bytes` of files and links. */
export interface Member {
  path: Path
  token: Token
  bytes: Buffer | undefined
}

export type Message =
  | { type: 'index'; entries: Said[]; marker: Marker | undefined; knowsBases: boolean }
  | { type: 'bases'; entries: { path: Path; agreed: Token }[]; marker: Marker }
  | { type: 'epoch'; marker: Marker }
  | { type: 'epoch-done'; epoch: number }
  | { type: 'put'; seq: number; path: Path; base: Token; data: Token; bytes?: Buffer; graft?: number }
  | { type: 'ack'; seq: number }
  | { type: 'rej'; seq: number; need: boolean }
  | { type: 'content'; id: number; path: Path; token: Token; bytes: Buffer }
  /** A whole subtree, its topmost folder first. */
  | { type: 'graft'; id: number; members: Member[] }
  | { type: 'staged'; id: number; ok: boolean }

export function tell(message: Message): string {
  const { type, ...rest } = message
  return `${type} ${JSON.stringify(rest, (key, value) => {
    if (key === 'bytes') return value && Buffer.from(value.data).toString('latin1')
    return typeof value === 'string' && /^[fx][0-9a-f]{64}$/.test(value) ? value.slice(0, 7) : value
  })}`
}

import { hash } from 'node:crypto'
import type { Path } from '../core/path.ts'

/** Names for a conflict copy of `path`, best first: `page.conflict-20261121-080000-pod.html`, then `-2`, `-3`, … */
export function* conflictNames(path: Path, nowMs: number, from: string): Generator<Path> {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  const slash = path.lastIndexOf('/')
  const dot = path.lastIndexOf('.')
  const isExtension = dot > slash + 1 && path.length - dot <= extensionLengthMax
  const at = isExtension ? dot : path.length
  const stem = shorten(path.slice(slash + 1, at))
  const dir = path.slice(0, slash + 1)
  for (let number = 1; number <= 50; number++) {
    const tail = number === 1 ? '' : `-${number}`
    yield `${dir}${stem}.conflict-${stamp}-${from}${tail}${path.slice(at)}`
  }
}

/** What is longer is no extension: the whole name must fit with ours in it. */
const extensionLengthMax = 16

function shorten(stem: string): string {
  if (Buffer.byteLength(stem) <= 150) return stem
  // Not between the halves of one character.
  const start = stem.slice(0, 40).replace(/[\uD800-\uDBFF]$/, '')
  return `${start}-${hash('sha256', stem, 'hex').slice(0, 8)}`
}

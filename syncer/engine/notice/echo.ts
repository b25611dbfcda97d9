import { absent } from '../../core/content.ts'
import { nameOf, type Path } from '../../core/path.ts'
import type { Stat } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** What stands there is what we know, most often because we put it there ourselves. */
export function isEcho({ holds }: Pick<Exchange, 'holds'>, parent: Entry, path: Path, stat: Stat | null): boolean {
  const entry = parent.children?.get(nameOf(path))
  if (entry === undefined || entry.racy || holds.has(entry)) return false
  if (stat === null || !entry.hasKey) return stat === null && !entry.hasKey && entry.current === absent
  if (entry.isKey(stat)) return true
  const key = entry.key!
  return stat.kind === 'dir' && key.kind === 'dir' && stat.ino === key.ino
}

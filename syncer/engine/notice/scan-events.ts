import { absent, folder } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { ListedStat } from '../../disk/disk.ts'
import type { IgnoreRules } from '../../endpoint/replica.ts'
import type { ScanEvents } from '../../endpoint/scanner.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Ahead } from '../offer/ahead.ts'
import type { Hints } from './hints.ts'
import type { Sweep } from './sweep.ts'

/** How soon the synced folder itself is read again where that failed. */
const rootRetryMs = 1_000

export interface WatchOptions {
  /** Folders to watch as they are found. */
  watch(path: Path): void
  /** What a folder is known to hold since it is watched, where the rules are these; see {@link ScanEvents.known}. */
  known?(path: Path, rules: IgnoreRules): ReturnType<NonNullable<ScanEvents['known']>>
  /** What a folder holds, as a scan found it. */
  listed?(path: Path, names: Iterable<string>): void
  unwatch(path: Path): void
}

/** Those that a scan tells of what it finds. */
export interface ScanListeners {
  exchange: Exchange
  hints: Hints
  ahead: Ahead
  sweep: Sweep
}

/** @param listeners those of the engine, once all of them are made: a scan begins later */
export function scanEvents(options: WatchOptions, listeners: () => ScanListeners): ScanEvents {
  return {
    folder: path => options.watch(path),
    known: path => options.known?.(path, listeners().exchange.rules),
    listed: (path, listed) => options.listed?.(path, namesOf(listed)),
    read: entry => listeners().ahead.read(entry),
    passed: entry => listeners().sweep.passed(entry),
    looked: (entry, _path, before) => {
      const { exchange, hints } = listeners()
      hints.scanned(entry, before)
      if (entry.current === absent) gone(entry, exchange, options)
    },
    busy: entry => {
      const { exchange } = listeners()
      exchange.holds.later(entry, exchange.clock.monotonic(), 5)
    },
    barred: (path, code, stat) => {
      const { exchange, sweep } = listeners()
      // Nothing tells when it is back, or what was changed in it meanwhile.
      if (path === '' && code !== '') sweep.beginWithin(rootRetryMs)
      if (code === '') exchange.problems.readable(path)
      else exchange.cannotRead(path, code, `${path === '' ? 'the folder' : path} ${explain(code)}`, stat)
    },
  }
}

function gone(entry: Entry, exchange: Exchange, options: WatchOptions): void {
  options.unwatch(entry.path)
  const isTopmost = entry.parent?.parent === null || entry.parent?.current === folder
  if (isTopmost && !entry.shadow) exchange.problems.readableBelow(entry.path)
}

function* namesOf(listed: ListedStat[]): Generator<string> {
  for (const { name } of listed) yield name
}

function explain(code: string): string {
  switch (code) {
    case 'unsupported-type':
      return 'is no file, folder or link: it does not travel'
    case 'mount-point':
      return 'has another file system mounted on it: it does not travel'
    case 'ENAMETOOLONG':
      return 'holds what has too long a path: it does not travel'
    case 'root-missing':
      return 'is gone: nothing is sent until it is back'
    default:
      return `cannot be read (${code})`
  }
}

import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import { holderLog } from '../home/holder-log.ts'
import { parsed, SyncHistory } from '../home/sync-history.ts'
import { Tail } from '../home/tail.ts'
import { sessionId } from '../session/find-holder.ts'
import { historyText, isHistoric } from '../ui/history-text.ts'
import { reviveEvent } from '../ui/json-reporter.ts'
import type { Invocation, Io } from './io.ts'
import { holdersHere, isHolderOf, several } from './targets.ts'
import { chooseDev, openWorkplace, type Workplace } from './workplace.ts'

export interface LogsOptions {
  sync?: boolean
  follow?: boolean
}

const FOLLOW_INTERVAL_MS = 250

/** Prints what a background process said, or with `--sync` what happened to the files, of this run and earlier ones. */
export async function logs(invocation: Invocation<LogsOptions>): Promise<number> {
  const { io, globals, names, options } = invocation
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  const session = sessionOf(workplace, names[0])
  const history = options.sync ? new SyncHistory(workplace.home, session.id) : null
  const toText = (line: string) => {
    if (!history) return `${line}\n`
    const documents = parsed(line)
    return documents.map(document => (globals.json ? `${JSON.stringify(document)}\n` : documentText(document))).join('')
  }
  const path = history?.path ?? session.log
  using tail = new Tail(path)
  const before = history ? [...history.readOlder(tail.inode), ...tail.read()] : firstLines(tail, path, options)
  if (history && before.length === 0 && !options.follow) {
    throw new UserError('not-found', `nothing is known of the files of ${session.dev}`, {
      hint: 'the history begins with the first `podswap up` on this laptop',
    })
  }
  for (const line of before) io.stdout.write(toText(line))
  return options.follow ? await follow(tail, line => io.stdout.write(toText(line)), io) : 0
}

function firstLines(tail: Tail, path: string, { follow }: LogsOptions): string[] {
  if (!follow) {
    try {
      readFileSync(path)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      throw new UserError('not-found', 'no background process has written a log', {
        hint: 'podswap up --detach starts one; podswap logs --sync shows what happened to the files',
      })
    }
  }
  return tail.read()
}

/** The session that is meant, whether it runs or not. */
function sessionOf(workplace: Workplace, name: string | undefined): { id: string; dev: string; log: string } {
  const { cluster, home, manifest } = workplace
  const logOf = (id: string, dev: string) => holderLog(home, { id, namespace: cluster.namespace, dev })
  const holders = holdersHere(workplace).filter(record => name === undefined || isHolderOf(record, name))
  if (manifest && (name === undefined || holders.length === 0)) {
    const { name: dev, selector } = chooseDev(manifest, name)
    const id = sessionId(cluster, { name: dev, selector })
    return { id, dev, log: logOf(id, dev) }
  }
  const [only, ...others] = holders
  if (only && others.length === 0) return { id: only.id, dev: only.dev, log: only.log ?? logOf(only.id, only.dev) }
  if (only)
    throw several(
      holders.map(({ dev }) => dev),
      cluster,
    )
  throw new UserError('not-found', `no podswap process on this machine holds ${name ?? 'anything here'}`, {
    hint: 'name the manifest with -f: then an ended session is found, too',
  })
}

function documentText(document: unknown): string {
  const event = reviveEvent(document)
  const at = typeof document === 'object' && document !== null && 'at' in document ? Date.parse(`${document.at}`) : 0
  return event !== null && isHistoric(event) ? historyText(event, at) : ''
}

async function follow(tail: Tail, show: (line: string) => void, io: Io): Promise<number> {
  try {
    for (;;) {
      for (const line of tail.read()) show(line)
      await pause(FOLLOW_INTERVAL_MS, undefined, { signal: io.interrupted })
    }
  } catch (error) {
    // Ctrl-C is how this ends.
    if (io.interrupted.aborted) return 130
    throw error
  }
}

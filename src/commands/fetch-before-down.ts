import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Home } from '../home/home.ts'
import { stopHolder, swapSessionId } from '../session/find-holder.ts'
import { findSwapped, type Swapped, swappedTitle } from '../swap/swapped.ts'
import { type Fetching, fetchFromPods } from './fetch-from-pods.ts'
import { fetchLeft, leftFolders } from './fetch-left.ts'
import type { Io } from './io.ts'
import { endedSessions } from './targets.ts'
import type { Workplace } from './workplace.ts'

/** What is not put back, for its pod holds what is not here. */
export interface Unfetched {
  /** The process that holds the session; null: there is none. */
  record: HolderRecord | null
  swapped: Swapped
  error: UserError
}

interface FetchingAll extends Fetching {
  io: Io
  /** Those of `swapped` that processes of this laptop hold. */
  holders: HolderRecord[]
  swapped: Swapped[]
  /** What does not come is given up. */
  force: boolean
  /** The volumes of the pods go too. */
  volumes: boolean
}

/**
 * Before pods are taken away, what was written in them comes here: asked of the sessions that run, and fetched anew where
 * this laptop's session is gone. What cannot come is told where it is lost by that all the same, with `force` or because
 * there is nothing that could bring it.
 * @returns those whose pods had better stay
 */
export async function fetchBeforeDown(workplace: Workplace, options: FetchingAll): Promise<Unfetched[]> {
  const left = await fetchFromLeft(workplace, options)
  const held = await fetchFromPods(options.holders, options)
  const isGone = ({ error: { code } }: (typeof held)[number]) => code === 'not-found' || code === 'interrupted'
  const gone = held.filter(isGone).map(({ record }) => record)
  left.push(...(await fetchFromGone(workplace, gone, options)))
  const asked = held.filter(each => !isGone(each))
  const failed: (Unfetched | null)[] = asked.map(({ record, error }) => {
    const session = swapSessionId(workplace.home, record.id)
    const swapped = options.swapped.find(each => each.session === session)
    return swapped ? { record, swapped, error } : null
  })
  const kept: Unfetched[] = []
  for (const each of [...left, ...failed]) {
    if (each === null) continue
    const { swapped, error } = each
    const what = `what was written last in the dev pod of ${nameOf(swapped)} may not all be here, and`
    const stays = swapped.claim !== undefined && !options.volumes
    if (!stays && losesBytes(each, options)) kept.push({ ...each, error: keptError(swapped, what, error) })
    else {
      const whither = stays ? `stays in the volume ${swapped.claim}` : 'goes with the pod'
      workplace.reporter.report({ type: 'warning', message: `${what} ${whither}: ${error.message}` })
    }
  }
  return kept
}

/** A halt is mended by `down`, and where no pod runs there is nothing to wait for. */
function losesBytes({ swapped, error }: Unfetched, { force }: FetchingAll): boolean {
  return !force && error.code !== 'sync-halted' && swapped.pod?.phase === 'Running'
}

function keptError(swapped: Swapped, what: string, why: UserError): UserError {
  const hint = [
    ...(why.hint === undefined ? [] : [why.hint]),
    `nothing was put back; do it again when that is mended, or give it up: podswap down ${nameOf(swapped)} --force`,
  ].join('\n')
  return new UserError('state', `${what} would go with the pod: ${why.message}`, { hint, cause: why })
}

/** What `down` is called with for it. */
function nameOf({ dev, name }: Swapped): string {
  return dev ?? name
}

/** One after the other: they may share a folder. */
async function fetchFromLeft(workplace: Workplace, options: FetchingAll): Promise<Unfetched[]> {
  const { swapped, signal, force } = options
  const ended = endedSessions(workplace, swapped)
  const failed: Unfetched[] = []
  for (const each of swapped) {
    if (each.state !== 'swapped' || !ended.includes(each.session) || each.pod?.phase !== 'Running') continue
    const left = leftFolders(workplace, each)
    if (left === null) tellUnknown(workplace, each)
    if (force || !left || left.folders.length === 0) continue
    try {
      await fetchLeft(workplace, each, left, options)
    } catch (error) {
      if (signal.aborted || !(error instanceof UserError)) throw error
      failed.push({ record: null, swapped: each, error })
    }
  }
  return failed
}

/**
 * Of sessions that could not be asked, as those are fetched that had ended before: nothing of them may be under way then.
 * What somebody else has put back by now holds nothing any more.
 */
async function fetchFromGone(workplace: Workplace, gone: HolderRecord[], options: FetchingAll): Promise<Unfetched[]> {
  const { cluster, home } = workplace
  const { signal } = options
  if (gone.length === 0) return []
  await Promise.all(gone.map(record => endedOrStuck(home, record, signal)))
  const sessions = gone.map(({ id }) => swapSessionId(home, id))
  const look = async () => (await findSwapped(cluster, { signal })).filter(({ session }) => sessions.includes(session))
  const failed = await fetchFromLeft(workplace, { ...options, swapped: await look() })
  if (failed.length === 0) return []
  const now = await look()
  return failed.filter(({ swapped }) => now.some(({ pod }) => pod !== undefined && pod.name === swapped.pod?.name))
}

/** One that does not end is the matter of who takes its pod. */
async function endedOrStuck(home: Home, record: HolderRecord, signal: AbortSignal): Promise<void> {
  try {
    await stopHolder(home, record, signal)
  } catch (error) {
    if (signal.aborted || !(error instanceof UserError)) throw error
  }
}

function tellUnknown({ reporter }: Workplace, swapped: Swapped): void {
  const title = swappedTitle(swapped)
  reporter.report({
    type: 'warning',
    message: `what was written in the dev pod of ${title} since its session ended goes with the pod`,
    hint: `with the manifest (-f FILE) podswap fetches it first`,
  })
}

import { setTimeout as pause } from 'node:timers/promises'
import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { holderLog } from '../home/holder-log.ts'
import type { Dev } from '../manifest/manifest.ts'
import { askHolder } from '../session/control-client.ts'
import { findHolder, heldHere, sessionId } from '../session/find-holder.ts'
import type { DevStatus } from '../session/status-report.ts'
import { reviveEvent } from '../ui/json-reporter.ts'
import type { Invocation } from './io.ts'
import { type HolderStart, type StartedHolder, startHolder } from './start-holder.ts'
import { untilAnswering } from './until-answering.ts'
import type { UpOptions } from './up-options.ts'
import type { Workplace } from './workplace.ts'

const LAST_WORDS_MS = 3_000
/** From the claim of a session to its socket. */
const SOCKET_TIMEOUT_MS = 5_000
const SOCKET_INTERVAL_MS = 25

interface Holder extends StartedHolder {
  /** Another call of `up` has started it. */
  isOld: boolean
}

/**
 * Has a background process hold the session, and returns when the first sync is complete, the command runs and the
 * forwards answer. Where such a process of the same manifest runs already, or is started at the same moment, that one is
 * waited for.
 */
export async function detach(invocation: Invocation<UpOptions>, workplace: Workplace, dev: Dev): Promise<void> {
  const { io, options } = invocation
  const { reporter } = workplace
  const leaving = new AbortController()
  let holder: Holder | null = null
  let interrupted = false
  const release = io.onSignal(() => {
    // A start of our own is undone by the process that does it; one that ran before is only not waited for.
    if (holder?.isOld) leaving.abort()
    else if (holder) void interrupt(holder)
    interrupted = true
  })
  try {
    holder = options.takeOver ? null : runningHolder(workplace, dev)
    holder ??= await newHolder(invocation, workplace, dev)
    const { record, isOld } = holder
    if (interrupted && isOld) leaving.abort()
    else if (interrupted) void interrupt(holder)
    // How an old one once started is no news.
    const isNews = !isOld || isStarting(await firstStatus(record, leaving.signal))
    const onEvent = (event: unknown) => {
      const known = reviveEvent(event)
      if (known && isNews) reporter.report(known)
    }
    await askHolder(record, { method: 'follow' }, { signal: leaving.signal, onEvent })
    const status = await untilAnswering({
      ask: async () => (await askHolder(record, { method: 'status' }, { signal: leaving.signal })) as DevStatus,
      tell: message => reporter.report({ type: 'waiting', message }),
    })
    reportReady(workplace, dev, status, isOld)
  } catch (error) {
    if (interrupted) throw new UserError('interrupted', 'interrupted', { cause: error })
    throw holder ? await betterReason(holder, error) : error
  } finally {
    release()
    holder?.letGo()
  }
}

/** What the socket could not say any more. */
async function betterReason(holder: Holder, error: unknown): Promise<unknown> {
  const wentAway = error instanceof UserError && (error.code === 'interrupted' || error.code === 'not-found')
  if (!wentAway) return error
  return await Promise.race([holder.failure, pause(LAST_WORDS_MS, error)])
}

/** A background process that does just this already. Throws `held` where it is another one's. */
function runningHolder({ home, cluster, manifest }: Workplace, dev: Dev): Holder | null {
  const record = findHolder(home, sessionId(cluster, dev))
  if (!record) return null
  if (record.log === null || record.manifest !== manifest?.file) throw heldHere(record)
  return { record, isOld: true, failure: new Promise(() => {}), letGo() {} }
}

/** One of our own, or the one that was quicker. */
async function newHolder(invocation: Invocation<UpOptions>, workplace: Workplace, dev: Dev): Promise<Holder> {
  try {
    return { ...(await startHolder(holderStart(invocation, workplace, dev))), isOld: false }
  } catch (error) {
    const quicker = error instanceof UserError && error.code === 'held' ? runningHolder(workplace, dev) : null
    if (quicker) return quicker
    throw error
  }
}

/** Of one that may have claimed the session a moment ago, and does not listen yet. */
async function firstStatus(record: Holder['record'], signal: AbortSignal): Promise<DevStatus> {
  for (let waitedMs = 0; ; waitedMs += SOCKET_INTERVAL_MS) {
    try {
      return (await askHolder(record, { method: 'status' }, { signal })) as DevStatus
    } catch (error) {
      const isEarly = error instanceof UserError && error.code === 'not-found' && waitedMs < SOCKET_TIMEOUT_MS
      if (!isEarly) throw error
      await pause(SOCKET_INTERVAL_MS, undefined, { signal })
    }
  }
}

function isStarting({ state, sync }: DevStatus): boolean {
  return state === 'starting' || (state === 'syncing' && sync.first_sync_seconds === null)
}

function holderStart(
  { io, globals, options, rest }: Invocation<UpOptions>,
  { home, manifest, cluster }: Workplace,
  dev: Dev,
): HolderStart {
  const program = [
    process.argv[1] ?? '',
    '__hold',
    dev.name,
    '--file',
    manifest?.file ?? '',
    '--namespace',
    cluster.namespace,
    ...(cluster.context ? ['--context', cluster.context] : []),
    '--no-color',
    ...(globals.verbose ? ['--verbose'] : []),
    ...(options.takeOver ? ['--take-over'] : []),
    ...(options.downOnExit ? ['--down-on-exit'] : []),
    ...(options.keepCommand ? ['--keep-command'] : []),
  ]
  const log = holderLog(home, { id: sessionId(cluster, dev), namespace: cluster.namespace, dev: dev.name })
  return { program, rest, cwd: io.cwd, env: io.env, dev: dev.name, log }
}

/** Ctrl-C: a start that is not through is undone by the process that does it, and `follow` ends with that. */
async function interrupt(holder: Holder): Promise<void> {
  using limit = deadline(systemTimers, 5_000)
  await askHolder(holder.record, { method: 'interrupt' }, { signal: limit.signal }).catch(() => {})
}

function reportReady({ reporter }: Workplace, dev: Dev, status: DevStatus, wasRunning: boolean): void {
  for (const { local, remote, direction, state, error } of status.forwards) {
    // why one from the pod, or a port, could not be had was said when it was tried
    if (state === 'ready' || state === 'waiting' || direction === 'reverse') continue
    reporter.report({ type: 'warning', message: `forward ${local} → ${remote} does not answer yet: ${error ?? state}` })
  }
  const { command } = status
  if (command.state === 'exited' && command.exit_code !== 0) {
    throw new UserError('pod-failed', `the dev command ended with code ${command.exit_code}`, {
      hint: [
        ...(command.exit_code === 127 ? [notFoundHint(dev)] : []),
        `podswap attach ${dev.name} shows what it printed; dev mode is on, podswap down ${dev.name} ends it`,
      ].join('\n'),
    })
  }
  const how = wasRunning ? 'runs in the background already' : 'runs in the background'
  reporter.report({
    type: 'done',
    message: `${dev.name} ${how}; podswap attach ${dev.name} takes its terminal, podswap down ${dev.name} ends it`,
  })
}

/** What shells, and the holder of the terminal, say with code 127. */
export function notFoundHint({ command, image }: Pick<Dev, 'command' | 'image'>): string {
  const where = image === undefined ? 'the image' : `the image ${image}`
  if (command.length === 1 && command[0] === 'sh') {
    return `the manifest names no other \`command\` than \`sh\`, and ${where} may hold no shell: name a program that it has`
  }
  return `127 says that a program was not found: is ${command[0]}, and what it calls, in ${where}?`
}

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { forgetLog, holderLog } from '../home/holder-log.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import type { Dev } from '../manifest/manifest.ts'
import { askHolder } from '../session/control-client.ts'
import { fromWireError } from '../session/control-protocol.ts'
import { findHolder, heldHere, sessionId } from '../session/find-holder.ts'
import type { DevStatus } from '../session/status-report.ts'
import { reviveEvent } from '../ui/json-reporter.ts'
import type { HoldMessage } from './hold.ts'
import type { Invocation } from './io.ts'
import { untilAnswering } from './until-answering.ts'
import type { UpOptions } from './up-options.ts'
import type { Workplace } from './workplace.ts'

/**
 * A heap that starts at 64 MB: the memory of what forwards carry counts against the heap's limit, which is 20 MB at
 * first, and V8 would mark the whole heap each 10 MB that it carried. Two threads for V8's garbage and compiler: its
 * usual four took twice their time where processors are few. Half its room for what is new, which stays once it was used. A
 * third of what V8 puts into one function when it optimizes it: in the few seconds of a first sync that took those threads
 * a quarter of all the process's time, and does not pay.
 */
const nodeFlags = [
  '--initial-old-space-size=64',
  '--v8-pool-size=2',
  '--max-semi-space-size=8',
  '--max-inlined-bytecode-size-cumulative=300',
]
/**
 * glibc held to a beginning: otherwise it takes it from the first large block that is freed that such blocks are to be
 * kept, and what a first sync had in passing stays for the whole session. Its own is 131072 for both; what is read from a
 * socket comes in blocks of 65536, which leave holes in the heap that glibc never gives back.
 */
const memoryEnvironment = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '32768',
  MALLOC_TRIM_THRESHOLD_: '131072',
}
const LISTENING_TIMEOUT_MS = 30_000
const LAST_WORDS_MS = 3_000

interface Holder {
  record: Pick<HolderRecord, 'socket' | 'token'>
  /** It ran before this call. */
  isOld: boolean
  /** Why it ended, from the process itself: it may be gone before its socket has said so. */
  failure: Promise<UserError>
  letGo(): void
}

/**
 * Has a background process hold the session, and returns when the first sync is complete, the command runs and the
 * forwards answer. Where such a process of the same manifest runs already, that one is waited for.
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
    holder ??= await startHolder(invocation, workplace, dev)
    if (interrupted) void interrupt(holder)
    const { record, isOld } = holder
    const onEvent = (event: unknown) => {
      const known = reviveEvent(event)
      // How an old one once started is no news.
      if (known && !isOld) reporter.report(known)
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

async function startHolder(invocation: Invocation<UpOptions>, workplace: Workplace, dev: Dev): Promise<Holder> {
  const { io } = invocation
  const { home, cluster } = workplace
  const log = holderLog(home, { id: sessionId(cluster, dev), namespace: cluster.namespace, dev: dev.name })
  forgetLog(log)
  const output = openSync(log, 'w', 0o600)
  const program = [...nodeFlags, process.argv[1] ?? '']
  const child = spawn(process.execPath, [...program, ...holdArguments(invocation, workplace, dev, log)], {
    cwd: io.cwd,
    env: { ...memoryEnvironment, ...io.env },
    stdio: ['ignore', output, output, 'ipc'],
    detached: true,
    windowsHide: true,
  })
  closeSync(output)
  const failure = endOf(child, log, dev.name)
  const letGo = () => {
    if (child.connected) child.disconnect()
    child.unref()
  }
  try {
    const record = await Promise.race([listening(child), failure.then(error => Promise.reject(error))])
    return { record, isOld: false, failure, letGo }
  } catch (error) {
    letGo()
    throw error
  }
}

function holdArguments(
  { globals, options, rest }: Invocation<UpOptions>,
  { manifest, cluster }: Workplace,
  dev: Dev,
  log: string,
): string[] {
  return [
    '__hold',
    dev.name,
    '--log',
    log,
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
    ...(rest === null ? [] : ['--', ...rest]),
  ]
}

function listening(child: ChildProcess): Promise<Holder['record']> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new UserError('timeout', 'the background process does not start')),
      LISTENING_TIMEOUT_MS,
    )
    child.on('message', (message: HoldMessage) => {
      clearTimeout(late)
      if (message.type === 'listening') resolve(message)
    })
    child.once('exit', () => clearTimeout(late))
  })
}

/** Why the process failed: what it says itself, else how it ended. */
export function endOf(child: ChildProcess, log: string, dev: string): Promise<UserError> {
  return new Promise(resolve => {
    child.on('message', (message: HoldMessage) => {
      if (message.type === 'failed') resolve(fromWireError(message.error))
    })
    child.once('error', cause => resolve(new UserError('state', 'cannot start a background process', { cause })))
    // After its last message, which may still be on its way.
    child.once('exit', (code, signal) => {
      const how = signal ? `was ended by ${signal}` : `ended with code ${code}`
      const error = new UserError('state', `the background process ${how}`, {
        hint: `what it wrote is in ${log}\npodswap down ${dev} puts back what it has swapped`,
      })
      setTimeout(() => resolve(error), 200)
    })
  })
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

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { UserError } from '../../syncer/base/errors.ts'
import { forgetLog, freshLog, placeLog } from '../home/holder-log.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { fromWireError } from '../session/control-protocol.ts'
import type { HoldMessage } from './hold.ts'

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
/** Node's exit code where it does not know an option that it was started with. */
const unknownOption = 9

/** A background process that is to hold a session. */
export interface HolderStart {
  /** Its script and the arguments, without those that name logs. */
  program: string[]
  /** What comes after `--`; null where there is no `--`. */
  rest: string[] | null
  cwd: string
  env: Record<string, string | undefined>
  dev: string
  /** Where the one that holds the session writes. */
  log: string
}

export interface StartedHolder {
  record: Pick<HolderRecord, 'socket' | 'token'>
  /** Why it ended, from the process itself: it may be gone before its socket has said so. */
  failure: Promise<UserError>
  letGo(): void
}

/**
 * Starts it, and returns when it holds the session and listens. Throws what it says of its failure: `held` where another
 * process is quicker, whose log stays.
 *
 * @param flags options of Node; those that it does not know make it no worse than without any
 */
export async function startHolder(start: HolderStart, flags: readonly string[] = nodeFlags): Promise<StartedHolder> {
  const { program, rest, cwd, env, dev, log } = start
  const fresh = freshLog(log, process.pid)
  const output = openSync(fresh, 'w', 0o600)
  const options = ['--log', log, '--fresh-log', fresh, ...(rest === null ? [] : ['--', ...rest])]
  const child = spawn(process.execPath, [...flags, ...program, ...options], {
    cwd,
    env: { ...memoryEnvironment, ...env },
    stdio: ['ignore', output, output, 'ipc'],
    detached: true,
    windowsHide: true,
  })
  closeSync(output)
  const failure = endOf(child, log, dev)
  const letGo = () => {
    if (child.connected) child.disconnect()
    child.unref()
  }
  try {
    const record = await Promise.race([listening(child), failure.then(error => Promise.reject(error))])
    return { record, failure, letGo }
  } catch (error) {
    letGo()
    if (child.exitCode === unknownOption && flags.length > 0) return await startHolder(start, [])
    if (error instanceof UserError && error.code === 'held') forgetLog(fresh)
    else placeLog(fresh, log)
    throw error
  }
}

function listening(child: ChildProcess): Promise<StartedHolder['record']> {
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

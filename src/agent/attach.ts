import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { nodeCommand, podLayout } from '../../syncer/base/pod-layout.ts'
import type { Cluster, ExecExit, ExecStream } from '../cluster/cluster.ts'
import { readLine } from './read-line.ts'

export interface Attachment {
  bundle: Buffer
  /** For the agent, as JSON. */
  hello: unknown
  signal: AbortSignal
  /** Called when the exec stands: the attaching program takes a moment to start, and its answer comes no sooner. */
  starting?: (() => void) | undefined
  /** For each step: the exec, an answer, a piece of the bundle. */
  stepTimeoutMs?: number
}

/** Handed on while it waits for its drain: progress can be seen, and a dead connection found. */
const pieceBytes = 256 * 1024
const lineBytesMax = 4 * 1024
const exitWaitMs = 2_000

/**
 * Runs the attaching program in the dev container, brings it the bundle where that is missing, and gives back the
 * exec's stream at the point where the agent begins to speak.
 * @throws UserError `agent`, with what the pod said on stderr; `timeout` where a step takes too long; the cluster's own
 *   (`forbidden`, `unreachable`, …); the signal's reason
 */
export async function attachAgent(
  cluster: Pick<Cluster, 'exec'>,
  where: { pod: string; container: string },
  attachment: Attachment,
): Promise<ExecStream> {
  const { signal, stepTimeoutMs = 30_000 } = attachment
  const stream = await openExec(cluster, where, signal, stepTimeoutMs)
  const swallow = () => {}
  // a stream that fails while nobody waits is told by the next wait
  stream.io.on('error', swallow)
  try {
    await shakeHands(stream.io, attachment, async step => {
      using limit = deadline(systemTimers, stepTimeoutMs, signal)
      return await step(limit.signal)
    })
    return stream
  } catch (cause) {
    const error = signal.aborted ? signal.reason : await explain(stream, where, cause)
    stream.io.destroy()
    throw error
  } finally {
    // whoever has the stream now hears its errors; destroyed, it may still have one to tell
    if (!stream.io.destroyed) stream.io.off('error', swallow)
  }
}

async function openExec(
  cluster: Pick<Cluster, 'exec'>,
  where: { pod: string; container: string },
  signal: AbortSignal,
  timeoutMs: number,
): Promise<ExecStream> {
  // the exec's signal cuts the open stream as well, so the deadline must not outlive the opening
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new UserError('timeout', 'the exec does not open')), timeoutMs)
  try {
    const command = nodeCommand(podLayout.attach)
    return await cluster.exec({ ...where, command, signal: AbortSignal.any([signal, late.signal]) })
  } catch (cause) {
    if (signal.aborted) throw signal.reason
    if (!(cause instanceof UserError)) throw cause
    const hint = cause.code === 'forbidden' ? 'podswap needs `get` and `create` on pods/exec' : cause.hint
    throw new UserError(cause.code, `cannot attach to pod ${where.pod}: ${cause.message}`, { hint, cause })
  } finally {
    clearTimeout(timer)
  }
}

async function shakeHands(
  io: Duplex,
  { bundle, hello, starting }: Attachment,
  inTime: <T>(step: (signal: AbortSignal) => Promise<T>) => Promise<T>,
): Promise<void> {
  const sha256 = createHash('sha256').update(bundle).digest('hex')
  const header = { v: 1, bundle: sha256, size: bundle.length, hello }
  await inTime(signal => write(io, Buffer.from(`${JSON.stringify(header)}\n`), signal))
  starting?.()
  let answer = await inTime(signal => readLine(io, lineBytesMax, signal))
  if (answer === 'NEED') {
    for (let at = 0; at < bundle.length; at += pieceBytes) {
      await inTime(signal => write(io, bundle.subarray(at, at + pieceBytes), signal))
    }
    answer = await inTime(signal => readLine(io, lineBytesMax, signal))
  }
  if (answer.startsWith('ERROR ')) throw new Refusal(answer.slice('ERROR '.length))
  if (answer !== 'READY') throw new Refusal(`unexpected answer ${JSON.stringify(answer.slice(0, 80))}`)
}

/** The attaching program's own words. */
class Refusal extends Error {}

/** Done when the stream has taken it; fails when it ends first. */
function write(io: Duplex, bytes: Buffer, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null) => {
      io.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      if (error) reject(error)
      else resolve()
    }
    const onClose = () => settle(io.errored ?? new Error('the connection was closed'))
    const onAbort = () => settle(signal.reason)
    io.once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
    io.write(bytes, settle)
  })
}

async function explain(stream: ExecStream, where: { pod: string; container: string }, cause: unknown) {
  const timedOut = cause instanceof UserError && cause.code === 'timeout'
  const ofCluster = cause instanceof UserError
  const exit = cause instanceof Refusal || timedOut || ofCluster ? undefined : await soon(stream.exit)
  const said = [
    timedOut ? 'no answer in time' : cause instanceof Error ? cause.message : String(cause),
    exit?.message,
    stream.stderr().trim().split('\n').slice(-5).join('\n'),
  ]
  const place = `pod ${where.pod}, container ${where.container}`
  const message = `cannot attach to the agent in ${place}: ${said.filter(Boolean).join('\n')}`
  const code = timedOut ? 'timeout' : ofCluster ? cause.code : 'agent'
  return new UserError(code, message, { hint: ofCluster ? cause.hint : hintFor(exit), cause })
}

/** 127 and 126 come from `native/init.c`; without a code, the container runtime could not even start that. */
function hintFor(exit: ExecExit | undefined): string {
  if (exit?.code === 126) return `Node cannot run here: its image must be of the node's architecture`
  if (exit?.code === 127 || exit?.code === null)
    return `is podswap's init container, which fills ${podLayout.home}, still in the pod?`
  return "the agent's own messages are in the container's log"
}

async function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, exitWaitMs, undefined)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

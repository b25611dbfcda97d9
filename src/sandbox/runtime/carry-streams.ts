import type { Readable, Writable } from 'node:stream'
import type { Timers } from '../../../syncer/base/clock.ts'
import type { ExecCommand } from '../pod-runtime.ts'
import type { Program } from './spawn-program.ts'

/** What a command left running may hold its outputs open for ever: after this much silence they are let go. */
const quietMs = 500

/** Carries stdin in, with its half-close; when the other end is gone, that is an end too. */
export function carryInput({ stdin: from, signal }: ExecCommand, to: Writable): void {
  if (from === null) return
  const end = () => to.end()
  from.on('data', chunk => {
    if (to.writable && !to.write(chunk)) from.pause()
  })
  // nobody reads any more: the sender must not wait for it
  for (const event of ['drain', 'close']) to.on(event, () => from.resume())
  for (const event of ['end', 'close', 'error']) from.once(event, end)
  if (signal.aborted) end()
  signal.addEventListener('abort', end, { once: true })
  to.once('close', () => signal.removeEventListener('abort', end))
}

/**
 * Carries a command's outputs with back-pressure; resolves when the command has ended and its last output was taken.
 * What cannot be taken any more is read and dropped, so that the command goes on.
 */
export async function carryOutputs(command: ExecCommand, program: Program, timers: Timers): Promise<void> {
  const ended = new Promise<void>(resolve => {
    const { exitCode, signalCode } = program.child
    if (exitCode !== null || signalCode !== null) resolve()
    else program.child.once('exit', () => resolve())
  })
  const sinks = [command.stdout, command.stderr]
  await Promise.all(
    program.outputs.map(async (output, index) => {
      const sink = sinks[index]!
      await carryOutput(output, sink, command.signal, ended, timers)
      await finish(sink, command.signal)
    }),
  )
  await ended
}

function carryOutput(
  from: Readable,
  to: Writable,
  signal: AbortSignal,
  ended: Promise<void>,
  timers: Timers,
): Promise<void> {
  let cancel = () => {}
  const awaitQuiet = () => {
    cancel()
    cancel = timers.after(quietMs, () => (from.isPaused() ? awaitQuiet() : from.destroy()))
  }
  let hasEnded = false
  const drop = () => from.resume()
  from.on('data', chunk => {
    if (hasEnded) awaitQuiet()
    if (!signal.aborted && to.writable && !to.write(chunk)) from.pause()
  })
  for (const event of ['drain', 'close', 'error']) to.on(event, drop)
  signal.addEventListener('abort', drop, { once: true })
  return new Promise(resolve => {
    from.once('close', () => {
      cancel()
      signal.removeEventListener('abort', drop)
      resolve()
    })
    void ended.then(() => {
      hasEnded = true
      if (!from.destroyed) awaitQuiet()
    })
  })
}

function finish(to: Writable, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (to.destroyed || signal.aborted) return resolve()
    const settle = () => {
      signal.removeEventListener('abort', settle)
      resolve()
    }
    to.once('close', settle).once('error', settle)
    signal.addEventListener('abort', settle, { once: true })
    to.end(settle)
  })
}

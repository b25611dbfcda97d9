import type { Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { type ForwardHosts, labelsText } from '../forward/forward-hosts.ts'
import { type LocalForward, openLocalForward } from '../forward/local-forward.ts'
import type { Dev, Forward } from '../manifest/manifest.ts'
import type { BoundForwards, Dial, Report } from './parts.ts'

/** In the dev container itself, by IPv4 or IPv6 (see `TcpRequest`). */
const OWN_HOST = 'localhost'
/** How soon a shared forward is ours when the session that had it has ended. */
const SHARED_AGAIN_MS = 1_000

interface Around {
  dial: Dial
  hosts: ForwardHosts
  report: Report
  timers: Timers
}

type Line = BoundForwards['lines'][number]

/**
 * Listens for every forward of the dev, or, where one port is taken, for none: throws `port-in-use` then. A shared one
 * whose port is taken is said, and waited for until the end.
 */
export async function bindForwards(dev: Dev, around: Around): Promise<BoundForwards> {
  const open: LocalForward[] = []
  const lines: Line[] = []
  const waiting = new Set<Forward>()
  const stops = new Set<() => void>()
  let isClosed = false
  const close = async () => {
    isClosed = true
    for (const stop of stops) stop()
    await Promise.all(open.map(forward => forward.close()))
  }
  const bind = async (forward: Forward) => {
    const bound = await bindOne(dev, forward, around)
    if (isClosed) return bound.local.close()
    open.push(bound.local)
    lines.push(bound.line)
    waiting.delete(forward)
  }
  const bindLater = (forward: Forward) => {
    const stop = around.timers.after(SHARED_AGAIN_MS, async () => {
      stops.delete(stop)
      try {
        await bind(forward)
      } catch {
        return isClosed || bindLater(forward)
      }
      const line = lines.at(-1)
      if (!isClosed && line) {
        around.report({ type: 'forwards-bound', forwards: [{ local: line.local, remote: line.remote }] })
      }
    })
    stops.add(stop)
  }
  try {
    for (const forward of dev.forward) {
      try {
        await bind(forward)
      } catch (error) {
        if (!forward.isShared || !(error instanceof UserError) || error.code !== 'port-in-use') throw error
        around.report({ type: 'warning', message: `${error.message}; the file’s \`forward\` waits for it` })
        waiting.add(forward)
        bindLater(forward)
      }
    }
    return { lines, waiting: () => [...waiting].map(forward => waitingLine(dev, forward)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function bindOne(
  dev: Dev,
  forward: Forward,
  { dial, hosts }: Around,
): Promise<{ local: LocalForward; line: Line }> {
  const { host = OWN_HOST, labels } = forward
  const target = {
    ...targetOf(forward),
    ...((labels || isBare(host)) && { resolve: (signal: AbortSignal) => hosts.find(forward, signal) }),
  }
  const local = await openLocalForward({ forward, interface: dev.interface, dial: signal => dial(target, signal) })
  return { local, line: { ...lineOf(dev, local.port, target), ...target } }
}

function waitingLine(dev: Dev, forward: Forward): ReturnType<BoundForwards['waiting']>[number] {
  const { localPort } = forward
  return { ...lineOf(dev, localPort, targetOf(forward)), localPort }
}

function targetOf({ host = OWN_HOST, labels, remotePort }: Forward): { host: string; port: number } {
  return { host: labels ? labelsText(labels) : host, port: remotePort }
}

function lineOf(dev: Dev, localPort: number, { host, port }: { host: string; port: number }) {
  return { local: `${bracketed(dev.interface)}:${localPort}`, remote: `${bracketed(host)}:${port}` }
}

/** The name of a Service of this namespace, or of a workload; not the pod itself, nor a name that DNS alone knows. */
function isBare(host: string): boolean {
  return host !== OWN_HOST && !/[.:]/.test(host)
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

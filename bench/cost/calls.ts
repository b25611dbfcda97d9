import { setTimeout as pause } from 'node:timers/promises'
import type { CallTraffic } from '../../test/e2e/support/api-proxy.ts'
import type { CostGround } from './ground.ts'

/** What one stretch of time cost the API server. */
export interface Cost {
  what: string
  calls: number
  /** HTTP bodies: watches included, exec and port-forward apart. */
  sentBytes: number
  receivedBytes: number
  /** What exec and port-forward carried, both ways: the sync, the terminal, heartbeats. */
  streamBytes: number
  /** Watches that stand at its end. */
  watches: number
  /** How many of which: `PUT leases`. */
  byKind: Record<string, number>
}

const hourMinutes = 60

/** `up` with an empty pod, an idle hour by its share, and `down`. */
export async function measureCalls(
  { laptop, proxy, target, configure }: CostGround,
  idleMinutes: number,
  say: (text: string) => void,
): Promise<Cost[]> {
  configure({ command: ['sleep', '86400'] })
  proxy.arm()
  let before = snapshot(proxy.traffic)
  const since = (what: string, times = 1) => {
    const cost = costBetween(what, before, snapshot(proxy.traffic), times)
    before = snapshot(proxy.traffic)
    return cost
  }
  say('up')
  await laptop.ok(['up', '--detach', ...target])
  const costs = [since('up')]
  if (idleMinutes > 0) {
    say(`idle for ${idleMinutes} min`)
    await pause(idleMinutes * 60_000)
    costs.push(since('an idle hour', hourMinutes / idleMinutes))
  }
  say('down')
  await laptop.ok(['down', ...target])
  return [...costs, since('down')]
}

function snapshot(traffic: readonly Readonly<CallTraffic>[]): CallTraffic[] {
  return traffic.map(call => ({ ...call }))
}

function costBetween(what: string, before: CallTraffic[], now: CallTraffic[], times: number): Cost {
  const fresh = now.slice(before.length)
  const sum = (bytesOf: (call: CallTraffic) => number, isUpgraded: boolean) => {
    const total = (calls: CallTraffic[]) =>
      calls.filter(call => call.isUpgraded === isUpgraded).reduce((bytes, call) => bytes + bytesOf(call), 0)
    return Math.round((total(now) - total(before)) * times)
  }
  const byKind: Record<string, number> = {}
  for (const call of fresh) byKind[titleOf(call)] = (byKind[titleOf(call)] ?? 0) + 1
  return {
    what,
    calls: Math.round(fresh.length * times),
    sentBytes: sum(call => call.sentBytes, false),
    receivedBytes: sum(call => call.receivedBytes, false),
    streamBytes: sum(call => call.sentBytes + call.receivedBytes, true),
    watches: now.filter(call => call.isOpen && isWatch(call)).length,
    byKind: Object.fromEntries(Object.entries(byKind).map(([kind, calls]) => [kind, Math.round(calls * times)])),
  }
}

function isWatch({ url }: CallTraffic): boolean {
  return /[?&]watch=true/.test(url)
}

/** `GET deployments`, `WATCH pods`, `EXEC pods` */
function titleOf(call: CallTraffic): string {
  const [path = ''] = call.url.split('?')
  const [plural = path, name, subresource] = /\/namespaces\/[^/]+\/(.+)$/.exec(path)?.[1]?.split('/') ?? []
  if (isWatch(call)) return `WATCH ${plural}`
  if (subresource) return `${subresource.toUpperCase()} ${plural}`
  return `${call.method === 'GET' && name === undefined ? 'LIST' : call.method} ${plural}`
}

/** A Markdown table, and below it which calls those are. */
export function costTable(costs: Cost[]): string {
  const rows = costs.map(({ what, calls, sentBytes, receivedBytes, streamBytes, watches }) =>
    [what, calls, kib(sentBytes), kib(receivedBytes), kib(streamBytes), watches].join(' | '),
  )
  const kinds = costs.map(({ what, byKind }) => {
    const sorted = Object.entries(byKind).sort(([a, n], [b, m]) => m - n || a.localeCompare(b))
    return `${what}: ${sorted.map(([kind, calls]) => `${calls} ${kind}`).join(', ')}`
  })
  const head = ['', 'calls', 'sent, KiB', 'received, KiB', 'exec and port-forward, KiB', 'watches at its end']
  const lines = [head.join(' | '), '---|--:|--:|--:|--:|--:', ...rows].map(line => `| ${line} |`)
  return `${lines.join('\n')}\n\n${kinds.join('\n')}`
}

function kib(bytes: number): string {
  return (bytes / 1024).toFixed(1)
}

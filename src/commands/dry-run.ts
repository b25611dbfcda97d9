import { dump } from 'js-yaml'
import { readAgentFiles } from '../agent/bundle.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { ForwardHosts } from '../forward/forward-hosts.ts'
import type { Dev } from '../manifest/manifest.ts'
import { planOptions } from '../session/cluster-parts.ts'
import { sessionId, swapSessionId } from '../session/find-holder.ts'
import { applySwap } from '../swap/apply.ts'
import { marks } from '../swap/record.ts'
import type { Invocation } from './io.ts'
import type { Workplace } from './workplace.ts'

/** One request that would be made. */
export interface PlannedWrite {
  verb: 'create' | 'patch' | 'replace' | 'delete'
  kind: string
  name: string
  /** The object, or the JSON merge patch. */
  body?: object
}

/** Prints what `up` would write, after asking the cluster whether it would take it; changes nothing. */
export async function dryRun(
  invocation: Invocation<{ keepCommand?: boolean }>,
  workplace: Workplace,
  dev: Dev,
): Promise<void> {
  const { io, globals } = invocation
  const { cluster, home, reporter } = workplace
  const options = planOptions({
    dev,
    agent: await readAgentFiles(),
    sessionId: swapSessionId(home, sessionId(cluster, dev)),
    owner: `${io.user}@${io.host}`,
    takeOver: false,
    env: io.env,
  })
  const { interrupted: signal } = io
  const warn = (warning: { message: string; hint: string }) => reporter.report({ type: 'warning', ...warning })
  await new ForwardHosts(cluster).check(dev.forward, { signal, warn })
  const writes = await plannedWrites(cluster, recording =>
    applySwap(recording, {
      dev,
      options,
      signal: io.interrupted,
      keepCommand: invocation.options.keepCommand === true || dev.keepsCommand === true,
      on: event =>
        (event.type === 'warning' || event.type === 'command-kept') && reporter.report({ type: 'swap', event }),
    }),
  )
  io.stdout.write(
    globals.json ? `${JSON.stringify({ dev: dev.name, writes }, null, 2)}\n` : writesText(dev.name, writes),
  )
}

class Stop extends Error {}

/**
 * The writes that `work` makes up to the first that would change something: what comes after that follows from it. The
 * objects that were tried before are those that it would make.
 */
export async function plannedWrites(
  cluster: Cluster,
  work: (recording: Cluster) => Promise<unknown>,
): Promise<PlannedWrite[]> {
  const tried = new Map<string, PlannedWrite>()
  const writes: PlannedWrite[] = []
  const plan = (write: PlannedWrite, dryRun: boolean | undefined) => {
    const key = `${write.verb} ${write.kind} ${write.name}`
    if (dryRun) {
      tried.set(key, write)
      return
    }
    tried.delete(key)
    writes.push(write)
    throw new Stop('would write')
  }
  const recording = new Proxy(cluster, {
    get(target, property) {
      if (property === 'create') return create
      if (property === 'patch') return patch
      if (property === 'replace') return replace
      if (property === 'delete') return remove
      const value = Reflect.get(target, property)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  // Nothing follows from who has a Lease but that the rest is done.
  const lease = (verb: PlannedWrite['verb'], object: KubeObject) => {
    writes.push({ verb, kind: 'Lease', name: nameOf(object), body: object })
    return { object, warnings: [] }
  }
  const create: Cluster['create'] = async (kind, object, options) => {
    if (kind === 'Lease') return lease('create', object)
    // only asked about: whether the original could come back
    if (kind === 'Pod') return cluster.create(kind, object, { ...options, dryRun: true })
    if (!options?.dryRun && isMadeByUs(object)) {
      writes.push({ verb: 'create', kind, name: nameOf(object), body: object })
      return cluster.create(kind, object, { ...options, dryRun: true })
    }
    plan({ verb: 'create', kind, name: nameOf(object), body: object }, options?.dryRun)
    return cluster.create(kind, object, options)
  }
  const patch: Cluster['patch'] = async (kind, name, body, options) => {
    plan({ verb: 'patch', kind, name, body }, options?.dryRun)
    return cluster.patch(kind, name, body, options)
  }
  const replace: Cluster['replace'] = async (kind, object, options) => {
    if (kind === 'Lease') return lease('replace', object)
    plan({ verb: 'replace', kind, name: nameOf(object), body: object }, options?.dryRun)
    return cluster.replace(kind, object, options)
  }
  const remove: Cluster['delete'] = async (kind, name) => plan({ verb: 'delete', kind, name }, false)
  try {
    await work(recording)
  } catch (error) {
    if (!(error instanceof Stop)) throw error
  }
  return [...writes, ...tried.values()]
}

/** What `autocreate` makes is told, and answered as the cluster would: the rest is done to it. */
function isMadeByUs({ metadata }: KubeObject): boolean {
  return metadata.labels?.[marks.created] !== undefined
}

function nameOf(object: KubeObject): string {
  return object.metadata.name ?? ''
}

export function writesText(dev: string, writes: PlannedWrite[]): string {
  if (writes.length === 0) return `# ${dev}: nothing to change\n`
  return writes
    .map(({ verb, kind, name, body }) => {
      const what = verb === 'patch' ? 'merge patch' : verb
      return `--- # ${what} ${kind} ${name}\n${body ? dump(body, { lineWidth: 120, noRefs: true }) : ''}`
    })
    .join('')
}

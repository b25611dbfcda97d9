import { type Clock, systemClock } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Forward } from '../manifest/manifest.ts'
import { selectorText } from '../swap/follow.ts'

/** A pod's address may be another's soon. */
const podMs = 2_000
/** Labels of a Service may come to be another's. */
const labelledMs = 30_000
/** A name that is neither a Service's nor a workload's. */
const strangerMs = 30_000

/** Bears what a forward's `labels` say: `app=db,tier=back`. */
export function labelsText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
}

/**
 * What a forward's `labels`, or a bare name, mean in the namespace: a Service, which the pod's DNS knows, or pods that no
 * Service names: then the address of one that is Ready. A pod's address is asked for anew, for pods come and go.
 */
export class ForwardHosts {
  readonly #cluster: Cluster
  readonly #clock: Clock
  /** What was found, by what it was asked for with: a client may make many connections at once. */
  readonly #found = new Map<string, { host: string; untilMs: number }>()

  constructor(cluster: Cluster, clock: Clock = systemClock) {
    this.#cluster = cluster
    this.#clock = clock
  }

  /**
   * A host that the pod can dial.
   * @throws UserError `unsupported` where labels mean several Services, `unreachable` where nothing bears them
   */
  async find({ host = '', labels, at }: Forward, signal: AbortSignal): Promise<string> {
    const key = labels ? labelsText(labels) : host
    const known = this.#found.get(key)
    if (known && this.#clock.monotonic() < known.untilMs) return known.host
    const keep = (host: string, forMs: number) => {
      this.#found.set(key, { host, untilMs: this.#clock.monotonic() + forMs })
      return host
    }
    const service = labels ? await this.#byLabels(labels, at, signal) : await this.#named('Service', host, signal)
    if (service === 'unknown') return host
    if (service) return keep(service.metadata.name ?? '', labels ? labelledMs : Number.POSITIVE_INFINITY)
    if (labels) {
      const address = await this.#podAddress(key, signal)
      if (address !== undefined) return keep(address, podMs)
      throw new UserError('unreachable', `no Service and no ready pod bears ${key}`, { at })
    }
    // what is neither a Service nor a workload may still be a name that the pod resolves
    const address = await this.#workloadAddress(host, signal)
    return address === undefined ? keep(host, strangerMs) : keep(address, podMs)
  }

  /**
   * Before anything is touched: fails where labels mean several Services; warns where nothing bears them, or the person
   * may not look.
   */
  async check(
    forwards: Forward[],
    { signal, warn }: { signal: AbortSignal; warn: (warning: { message: string; hint: string }) => void },
  ): Promise<void> {
    for (const forward of forwards) {
      if (!forward.labels) continue
      try {
        await this.find(forward, signal)
      } catch (error) {
        if (!(error instanceof UserError) || !['unreachable', 'forbidden'].includes(error.code)) throw error
        const { file, line, column } = forward.at
        const rest = error.code === 'forbidden' ? error.hint : 'what comes to bear them later is found then'
        const hint = `${file}:${line}:${column}: ${rest}`
        warn({ message: `the forward of ${forward.localPort} leads nowhere: ${error.message}`, hint })
      }
    }
  }

  async #byLabels(labels: Record<string, string>, at: Forward['at'], signal: AbortSignal) {
    const text = labelsText(labels)
    const services = await this.#cluster.list('Service', { labelSelector: text, signal })
    const [only, ...others] = services
    if (others.length === 0) return only
    const names = services.map(({ metadata }) => metadata.name).join(', ')
    throw new UserError('unsupported', `several Services bear ${text}: ${names}`, {
      at,
      hint: 'name the one that you mean: `name`, or local:NAME:remote',
    })
  }

  /** `unknown` where the cluster does not say: then the name is the pod's to resolve. */
  async #named(kind: 'Service' | 'Deployment' | 'StatefulSet', name: string, signal: AbortSignal) {
    try {
      return await this.#cluster.find(kind, name, { signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof UserError)) throw error
      return 'unknown'
    }
  }

  async #workloadAddress(name: string, signal: AbortSignal): Promise<string | undefined> {
    for (const kind of ['Deployment', 'StatefulSet'] as const) {
      const workload = await this.#named(kind, name, signal)
      if (workload === 'unknown') return undefined
      if (workload) return this.#podAddress(selectorText(workload.spec.selector), signal)
    }
    return undefined
  }

  async #podAddress(labelSelector: string, signal: AbortSignal): Promise<string | undefined> {
    const pods = await this.#cluster.list('Pod', { labelSelector, signal })
    const names = ({ metadata }: KubeObject) => metadata.name ?? ''
    const [first] = pods.filter(isServing).sort((a, b) => names(a).localeCompare(names(b)))
    return first?.status.podIP
  }
}

function isServing({ metadata, status = {} }: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = status.conditions ?? []
  const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
  return isReady && !metadata.deletionTimestamp && typeof status.podIP === 'string'
}

import { type ForwardHosts, labelsText } from '../forward/forward-hosts.ts'
import { type LocalForward, openLocalForward } from '../forward/local-forward.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { BoundForwards, Dial } from './parts.ts'

/** In the dev container itself, by IPv4 or IPv6 (see `TcpRequest`). */
const OWN_HOST = 'localhost'

/** Listens for every forward of the dev, or, where one port is taken, for none. Throws `port-in-use`. */
export async function bindForwards(dev: Dev, dial: Dial, hosts: ForwardHosts): Promise<BoundForwards> {
  const open: LocalForward[] = []
  const close = async () => {
    await Promise.all(open.map(forward => forward.close()))
  }
  try {
    const lines: BoundForwards['lines'] = []
    for (const forward of dev.forward) {
      const { host = OWN_HOST, labels } = forward
      const target = {
        host: labels ? labelsText(labels) : host,
        port: forward.remotePort,
        ...((labels || isBare(host)) && { resolve: (signal: AbortSignal) => hosts.find(forward, signal) }),
      }
      const bound = await openLocalForward({
        forward,
        interface: dev.interface,
        dial: signal => dial(target, signal),
      })
      open.push(bound)
      lines.push({
        local: `${bracketed(dev.interface)}:${bound.port}`,
        remote: `${bracketed(target.host)}:${target.port}`,
        ...target,
      })
    }
    return { lines, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The name of a Service of this namespace, or of a workload; not the pod itself, nor a name that DNS alone knows. */
function isBare(host: string): boolean {
  return host !== OWN_HOST && !/[.:]/.test(host)
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

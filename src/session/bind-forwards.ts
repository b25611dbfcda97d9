import { type LocalForward, openLocalForward } from '../forward/local-forward.ts'
import type { Dev, Forward } from '../manifest/manifest.ts'
import type { BoundForwards, Dial } from './parts.ts'

/** In the dev container itself, by IPv4 or IPv6 (see `TcpRequest`). */
const OWN_HOST = 'localhost'

/** Listens for every forward of the dev, or, where one port is taken, for none. Throws `port-in-use`. */
export async function bindForwards(dev: Dev, dial: Dial): Promise<BoundForwards> {
  const open: LocalForward[] = []
  const close = async () => {
    await Promise.all(open.map(forward => forward.close()))
  }
  try {
    const lines: BoundForwards['lines'] = []
    for (const forward of dev.forward) {
      const target = { host: forward.host ?? OWN_HOST, port: forward.remotePort }
      const bound = await openLocalForward({
        forward,
        interface: dev.interface,
        dial: signal => dial(target, signal),
      })
      open.push(bound)
      lines.push({ local: `${bracketed(dev.interface)}:${bound.port}`, remote: remoteText(forward), ...target })
    }
    return { lines, close }
  } catch (error) {
    await close()
    throw error
  }
}

function remoteText(forward: Forward): string {
  return `${bracketed(forward.host ?? OWN_HOST)}:${forward.remotePort}`
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

import type { Duplex } from 'node:stream'
import type { Dev, Forward } from '../manifest/manifest.ts'
import { type LocalForward, openLocalForward } from './local-forward.ts'

/** What the pod dials for a forward; without a host it is the dev container itself. */
export function forwardTarget({ host, remotePort }: Forward): { host: string; port: number } {
  return { host: host ?? 'localhost', port: remotePort }
}

/** Listens for every forward of the dev, in its order, or for none. Throws what `openLocalForward` throws. */
export async function openLocalForwards(
  dev: Pick<Dev, 'forward' | 'interface'>,
  dial: (target: { host: string; port: number }, signal: AbortSignal) => Promise<Duplex>,
): Promise<LocalForward[]> {
  const opened: LocalForward[] = []
  try {
    for (const forward of dev.forward) {
      const dialTarget = (signal: AbortSignal) => dial(forwardTarget(forward), signal)
      opened.push(await openLocalForward({ forward, interface: dev.interface, dial: dialTarget }))
    }
    return opened
  } catch (error) {
    await Promise.all(opened.map(forward => forward.close()))
    throw error
  }
}

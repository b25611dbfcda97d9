/** What the preload of a pod's programs knows of the pod, as JSON in `PODSWAP_NETWORK`. */
export interface NetworkConfig {
  /** Unix socket of the name server. */
  socket: string
  /** Which pod is asking. */
  pod: string
  hostname: string
  /** The pod's own. */
  address: string
  /** `own`: the pod's address is one of this machine's; `shared`: its ports are at one that all pods share. */
  addresses: 'own' | 'shared'
  /** Folder of the pod's port records, see `port-records.ts`. */
  ports: string
}

/** One question on a connection of its own; the answer is one line of JSON, {@link NetworkAnswer}. */
export type NetworkQuestion = { pod: string; lookup: string } | { pod: string; route: NetworkTarget }

export interface NetworkTarget {
  address: string
  port: number
}

export interface NetworkAnswer {
  /** Of `lookup`; null: ask the machine. */
  addresses?: string[] | null
  /** Of `route`; null: nobody, `ECONNREFUSED`. */
  target?: NetworkTarget | null
}

/** The address that the ports of all pods are at where they share one. */
export const sharedAddress = '127.0.0.1'

/** First two numbers of the addresses of pods. */
export const podNetwork = '127.77.'

export function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}

/** Every address, or this machine: from within a pod, both are the pod. */
export function isPodItself(address: string): boolean {
  if (address === '0.0.0.0' || address === '::' || address === '::ffff:0.0.0.0') return true
  return isLoopback(address) && !address.startsWith(podNetwork)
}

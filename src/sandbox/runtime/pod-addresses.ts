import { createServer, type Server } from 'node:net'
import { RuntimeRefusal } from '../pod-runtime.ts'
import { podNetwork } from './programs/network-config.ts'

/** Of its network, the address by which a runtime holds it, and the port there. */
const holder = 254
const holderPort = 4077
const networks = 256
const podsMax = 253

/**
 * Addresses for pods: 127.77.x.1 to 127.77.x.253. A runtime holds an x for itself alone as long as its process lives, by
 * listening there, so that two of them on one machine do not meet.
 */
export class PodAddresses {
  readonly #network: number
  readonly #held: Server | undefined
  readonly #taken = new Set<number>()
  #last = 0

  private constructor(network: number, held: Server | undefined) {
    this.#network = network
    this.#held = held
  }

  /** @param areReal false where they only stand for pods and nobody listens at them */
  static async claim(areReal: boolean): Promise<PodAddresses> {
    if (!areReal) return new PodAddresses(0, undefined)
    for (let network = 0; network < networks; network++) {
      const held = await listen(`${podNetwork}${network}.${holder}`)
      if (held) return new PodAddresses(network, held)
    }
    throw new Error(`${networks} sandboxes run on this machine already, or it has no addresses in ${podNetwork}0.0/16`)
  }

  /** The one that was given back longest ago. */
  take(): string {
    if (this.#taken.size >= podsMax) {
      throw new RuntimeRefusal('FailedCreatePodSandBox', `the sandbox has ${podsMax} pods already`)
    }
    do this.#last = (this.#last % podsMax) + 1
    while (this.#taken.has(this.#last))
    this.#taken.add(this.#last)
    return `${podNetwork}${this.#network}.${this.#last}`
  }

  giveBack(address: string): void {
    this.#taken.delete(Number(address.slice(address.lastIndexOf('.') + 1)))
  }

  close(): void {
    this.#held?.close()
  }
}

/** undefined where somebody else does. */
function listen(host: string): Promise<Server | undefined> {
  return new Promise(resolve => {
    const server = createServer(socket => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen({ host, port: holderPort, exclusive: true }, () => resolve(server.unref()))
  })
}

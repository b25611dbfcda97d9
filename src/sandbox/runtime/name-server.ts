import { createServer, type Server, type Socket } from 'node:net'
import type { ClusterNames } from '../pod-runtime.ts'
import type { NetworkAnswer, NetworkQuestion, NetworkTarget } from './programs/network-config.ts'
import { findPort } from './programs/port-records.ts'

/** A pod as the name server knows it. */
export interface NamedPod {
  /** What its programs call themselves. */
  key: string
  address: string
  namespace: string
  /** Names of `spec.hostAliases`, in lower case. */
  aliases: ReadonlyMap<string, string[]>
  names: ClusterNames
  /** Folder of its port records. */
  ports: string
}

const questionBytesMax = 64 * 1024
const connectionsMax = 4_096

/**
 * Answers what the preload of the pods' programs asks (`programs/ask.ts`). Nothing is remembered: each question goes to
 * the cluster.
 */
export class NameServer {
  readonly path: string
  readonly #pods = new Map<string, NamedPod>()
  readonly #byAddress = new Map<string, NamedPod>()
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  /** Whether pods' addresses are the machine's own. */
  readonly #areReal: boolean

  private constructor(path: string, areReal: boolean) {
    this.path = path
    this.#areReal = areReal
    this.#server = createServer(socket => this.#take(socket))
    this.#server.maxConnections = connectionsMax
  }

  /**
   * @param path of the unix socket, in a folder that is this user's alone
   * @param areReal whether pods' addresses are this machine's
   */
  static async listen(path: string, areReal: boolean): Promise<NameServer> {
    const server = new NameServer(path, areReal)
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject)
      server.#server.listen(path, () => resolve())
    })
    server.#server.on('error', () => {})
    return server
  }

  add(pod: NamedPod): void {
    this.#pods.set(pod.key, pod)
    this.#byAddress.set(pod.address, pod)
  }

  remove(pod: NamedPod): void {
    this.#pods.delete(pod.key)
    if (this.#byAddress.get(pod.address) === pod) this.#byAddress.delete(pod.address)
  }

  /** Where a pod's port really is; null where nobody listens, for certain. Any other address is as it is. */
  locate(target: NetworkTarget): NetworkTarget | null {
    const pod = this.#byAddress.get(target.address)
    if (!pod) return target
    return findPort(pod.ports, target.port) ?? (this.#areReal ? target : null)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>(resolve => this.#server.close(() => resolve()))
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket)
    const chunks: Buffer[] = []
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      const text = Buffer.concat(chunks)
      const end = text.indexOf('\n')
      if (end < 0 && text.length <= questionBytesMax) return
      socket.off('data', take)
      socket.resume()
      this.#serve(socket, text.toString('utf8', 0, Math.max(0, end)))
    }
    socket.on('data', take)
  }

  #serve(socket: Socket, line: string): void {
    try {
      const question: NetworkQuestion = JSON.parse(line)
      const pod = this.#pods.get(question.pod)
      if (!pod) socket.destroy()
      else socket.end(`${JSON.stringify(this.#answer(pod, question))}\n`)
    } catch {
      // not one of ours
      socket.destroy()
    }
  }

  #answer(pod: NamedPod, question: { lookup: string } | { route: NetworkTarget }): NetworkAnswer {
    if ('lookup' in question) {
      const host = question.lookup.toLowerCase().replace(/\.$/, '')
      return { addresses: pod.aliases.get(host) ?? pod.names.lookup(host, pod.namespace) }
    }
    const { address, port } = question.route
    const targets = pod.names.route(address, port)
    const target = targets === null ? question.route : targets[0]
    return { target: target ? this.locate(target) : null }
  }
}

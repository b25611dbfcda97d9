import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { serverOf, writeKubeconfigFor } from '../test/e2e/support/kubeconfig-server.ts'
import type { LinkSpeed } from './shaper.ts'
import { SlowLane } from './slow-lane.ts'

/** A TCP relay on the loopback interface that counts what goes through it, TLS and all; as slow as it is told to be. */
export class Link implements AsyncDisposable {
  sentBytes = 0
  receivedBytes = 0
  #kubeconfig = ''
  readonly #server: Server
  readonly #clients = new Set<Socket>()
  /** There and back; absent: nothing is held up. */
  readonly #lanes: [SlowLane, SlowLane] | undefined

  private constructor(host: string, port: number, speed: LinkSpeed | undefined) {
    this.#lanes = speed && [new SlowLane(speed), new SlowLane(speed)]
    this.#server = createServer(client => this.#relay(client, host, port))
  }

  /** @param speed of each direction, which all connections share */
  static async to(host: string, port: number, speed?: LinkSpeed): Promise<Link> {
    const link = new Link(host, port, speed)
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return link
  }

  /** In front of a kubeconfig's API server. @param file where to write the kubeconfig that leads through the link */
  static async before(kubeconfig: string, file: string, speed?: LinkSpeed): Promise<Link> {
    const { host, port } = serverOf(kubeconfig)
    const link = await Link.to(host, port, speed)
    writeKubeconfigFor(link.port, kubeconfig, file)
    link.#kubeconfig = file
    return link
  }

  /** Of {@link before}. */
  get kubeconfig(): string {
    return this.#kubeconfig
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Both ways. */
  get bytes(): number {
    return this.sentBytes + this.receivedBytes
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#clients.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    for (const lane of this.#lanes ?? []) lane.close()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #relay(client: Socket, host: string, port: number): void {
    const server = connect(port, host)
    this.#clients.add(client)
    client.on('data', (bytes: Buffer) => {
      this.sentBytes += bytes.length
    })
    server.on('data', (bytes: Buffer) => {
      this.receivedBytes += bytes.length
    })
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
    }
    client.on('close', () => this.#clients.delete(client))
    if (this.#lanes) {
      const [there, back] = this.#lanes
      there.carry(client, server)
      back.carry(server, client)
      return
    }
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroy())
    client.pipe(server).pipe(client)
  }
}

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { serverOf, writeKubeconfigFor } from '../test/e2e/support/kubeconfig-server.ts'

/** A TCP relay on the loopback interface that counts what goes through it, TLS and all. */
export class Link implements AsyncDisposable {
  sentBytes = 0
  receivedBytes = 0
  #kubeconfig = ''
  readonly #server: Server
  readonly #clients = new Set<Socket>()

  private constructor(host: string, port: number) {
    this.#server = createServer(client => this.#relay(client, host, port))
  }

  static async to(host: string, port: number): Promise<Link> {
    const link = new Link(host, port)
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return link
  }

  /** In front of a kubeconfig's API server. @param file where to write the kubeconfig that leads through the link */
  static async before(kubeconfig: string, file: string): Promise<Link> {
    const { host, port } = serverOf(kubeconfig)
    const link = await Link.to(host, port)
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
    client.on('close', () => {
      this.#clients.delete(client)
      server.destroy()
    })
    server.on('close', () => client.destroy())
    client.pipe(server).pipe(client)
  }
}

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP relay on the loopback interface that counts what goes through it, TLS and all. */
export class Meter implements AsyncDisposable {
  sentBytes = 0
  receivedBytes = 0
  readonly #server: Server
  readonly #clients = new Set<Socket>()

  private constructor(port: number) {
    this.#server = createServer(client => this.#relay(client, port))
  }

  static async before(port: number): Promise<Meter> {
    const meter = new Meter(port)
    await new Promise<void>((resolve, reject) => {
      meter.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    return meter
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that stand. */
  get connections(): number {
    return this.#clients.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #relay(client: Socket, port: number): void {
    const server = connect(port, '127.0.0.1')
    this.#clients.add(client)
    client.on('data', (bytes: Buffer) => {
      this.sentBytes += bytes.length
    })
    server.on('data', (bytes: Buffer) => {
      this.receivedBytes += bytes.length
    })
    for (const socket of [client, server]) socket.on('error', () => {})
    client.on('close', () => {
      this.#clients.delete(client)
      server.destroy()
    })
    server.on('close', () => client.destroy())
    client.pipe(server).pipe(client)
  }
}

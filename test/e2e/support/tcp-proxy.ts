import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { serverOf, writeKubeconfigFor } from './kubeconfig-server.ts'

/** Of a connection that is slowed down: pieces of less than this go through at once. */
const aheadMs = 5

/** Stands between the CLI and the API server, so that a test can cut, hold or slow down the network. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #host: string
  readonly #port: number
  readonly #sockets = new Set<Socket>()
  #mode: 'open' | 'refusing' | 'silent' = 'open'
  #bytesPerSecond = Infinity

  private constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
    this.#server = createServer(socket => this.#accept(socket))
  }

  /**
   * @param kubeconfig whose API server the proxy stands in front of
   * @param file where to write the same kubeconfig with the proxy's address
   */
  static async before(kubeconfig: string, file: string): Promise<TcpProxy> {
    const { host, port } = serverOf(kubeconfig)
    const proxy = new TcpProxy(host, port)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    writeKubeconfigFor((proxy.#server.address() as AddressInfo).port, kubeconfig, file)
    return proxy
  }

  /** Breaks every connection; new ones go through. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Breaks every connection and refuses new ones, until `restore`. */
  refuse(): void {
    this.#mode = 'refusing'
    this.cut()
  }

  /** Keeps every connection, and takes new ones, but lets no byte through, until `restore`: a sleeping network. */
  silence(): void {
    this.#mode = 'silent'
  }

  /** Lets everything through again. What was held while silent is broken, as a network coming back would. */
  restore(): void {
    if (this.#mode === 'silent') this.cut()
    this.#mode = 'open'
    this.#bytesPerSecond = Infinity
  }

  /** Slows down what goes towards the API server: each connection gets about this much. */
  limit(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.refuse()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    if (this.#mode === 'refusing') {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(this.#port, this.#host)
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
    }
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.pipe(this.#gate(true)).pipe(upstream)
    upstream.pipe(this.#gate(false)).pipe(client)
  }

  #gate(limited: boolean): Transform {
    let clearAtMs = 0
    const pass = async (bytes: Buffer): Promise<void> => {
      const nowMs = performance.now()
      // by the clock: a timer is late on a busy machine, and one for each small piece would add up
      if (limited) clearAtMs = Math.max(clearAtMs, nowMs) + (bytes.length / this.#bytesPerSecond) * 1000
      if (limited && clearAtMs - nowMs > aheadMs) await pause(clearAtMs - nowMs)
      while (this.#mode === 'silent') await pause(5)
    }
    return new Transform({
      highWaterMark: 64 * 1024,
      transform(bytes, _encoding, done) {
        pass(bytes).then(() => done(null, bytes), done)
      },
    })
  }
}

import { readFileSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, type RequestOptions, request, type Server } from 'node:https'
import { type AddressInfo, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { dump, load } from 'js-yaml'
import { makeCertificate } from '../../../src/sandbox/certificate.ts'

interface Kubeconfig {
  clusters: {
    cluster: { server: string; 'certificate-authority-data'?: string; 'tls-server-name'?: string }
  }[]
}

/**
 * What befalls a call. `kill`: it is done, and the program is killed before it hears so. `refuse`: answered with that
 * status, undone. `drop-before`, `drop-after`: the connection breaks, before it is done or after. `silence`: no answer.
 */
export type ApiFault = 'kill' | 'drop-before' | 'drop-after' | 'silence' | { refuse: 409 | 429 | 500 }

/** What one call carried, both ways; headers and TLS apart. */
export interface CallTraffic {
  method: string
  /** Path and query. */
  url: string
  /** Bodies; of an upgraded connection (exec, port-forward) everything after its headers. */
  sentBytes: number
  receivedBytes: number
  isUpgraded: boolean
  /** Its answer, or its connection, still goes on. */
  isOpen: boolean
}

interface Trap {
  /** The how manieth call, counted from 1. */
  at: number
  fault: ApiFault
  /** Of `kill`. */
  kill(): Promise<void>
}

const reasons = { 409: 'Conflict', 429: 'TooManyRequests', 500: 'InternalError' }

/**
 * Stands between the CLI and the API server and ends the TLS of both, so that a test can count the calls and have
 * something befall one of them. WebSockets and SPDY go through it.
 */
export class ApiProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #upstream: RequestOptions
  readonly #agent: Agent
  readonly #sockets = new Set<Duplex>()
  #traffic: CallTraffic[] = []
  #trap: Trap | undefined
  #isSprung = false

  private constructor(upstream: RequestOptions) {
    this.#agent = new Agent({ keepAlive: true })
    this.#upstream = { ...upstream, agent: this.#agent }
    const { certificate, key } = makeCertificate(Date.now())
    // as a real API server's: an exec's command is in its URL
    const maxHeaderSize = 1024 * 1024
    this.#server = createServer({ cert: certificate, key, maxHeaderSize }, (asked, answer) =>
      this.#onRequest(asked, answer),
    )
    this.#server.on('upgrade', (asked: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#onUpgrade(asked, socket, head),
    )
    this.#server.on('secureConnection', socket => this.#keep(socket))
    this.certificate = certificate
  }

  private readonly certificate: string

  /**
   * @param kubeconfig whose API server the proxy stands in front of; its users have tokens
   * @param file where to write the same kubeconfig with the proxy's address
   */
  static async before(kubeconfig: string, file: string): Promise<ApiProxy> {
    const config = load(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
    const { cluster } = config.clusters[0]!
    const { hostname, port } = new URL(cluster.server)
    const ca = Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64')
    const name = cluster['tls-server-name'] ?? hostname
    const proxy = new ApiProxy({ host: hostname, port: port || 443, ca, ...(!isIP(name) && { servername: name }) })
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve)
    })
    cluster.server = `https://127.0.0.1:${(proxy.#server.address() as AddressInfo).port}`
    cluster['certificate-authority-data'] = Buffer.from(proxy.certificate).toString('base64')
    delete cluster['tls-server-name']
    writeFileSync(file, dump(config))
    return proxy
  }

  /** Counts anew, and has something befall one call. */
  arm(trap?: Trap): void {
    this.#traffic = []
    this.#trap = trap
    this.#isSprung = false
  }

  /** Method and path of each call since {@link arm}. */
  get calls(): readonly string[] {
    return this.#traffic.map(({ method, url }) => `${method} ${url}`)
  }

  /** Each call since {@link arm}, as it stands now. */
  get traffic(): readonly Readonly<CallTraffic>[] {
    return this.#traffic
  }

  /** The call came that something was to befall. */
  get isSprung(): boolean {
    return this.#isSprung
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#agent.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #onRequest(asked: IncomingMessage, answer: ServerResponse): void {
    const { call, trap } = this.#count(asked, false)
    asked.on('data', (chunk: Buffer) => {
      call.sentBytes += chunk.length
    })
    answer.on('close', () => {
      call.isOpen = false
    })
    const drop = (): void => {
      asked.socket.destroy()
    }
    if (trap?.fault === 'silence') return
    if (trap?.fault === 'drop-before') {
      drop()
      return
    }
    if (trap && typeof trap.fault === 'object') {
      const { status, headers, body } = refusal(trap.fault.refuse)
      answer.writeHead(status, headers).end(body)
      return
    }
    const onward = request({ ...this.#upstream, method: asked.method, path: asked.url, headers: headersOf(asked) })
    onward.on('error', drop)
    answer.on('close', () => onward.destroy())
    onward.on('response', got => {
      got.on('error', drop)
      if (trap) {
        void this.#lose(trap).finally(drop)
        return
      }
      answer.writeHead(got.statusCode ?? 502, got.rawHeaders)
      answer.flushHeaders()
      got.on('data', (chunk: Buffer) => {
        call.receivedBytes += chunk.length
      })
      got.pipe(answer)
    })
    asked.pipe(onward)
  }

  #onUpgrade(asked: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { call, trap } = this.#count(asked, true)
    socket.on('close', () => {
      call.isOpen = false
    })
    if (trap?.fault === 'silence') return
    if (trap?.fault === 'drop-before') {
      socket.destroy()
      return
    }
    if (trap && typeof trap.fault === 'object') {
      const { status, headers, body } = refusal(trap.fault.refuse)
      socket.end(`HTTP/1.1 ${status} ${reasons[status]}\r\n${headerLines(Object.entries(headers).flat())}\r\n${body}`)
      return
    }
    const onward = request({
      ...this.#upstream,
      agent: false,
      path: asked.url,
      headers: asked.headers,
      method: asked.method,
    })
    onward.on('error', () => socket.destroy())
    onward.on('upgrade', (got, peer, peerHead) => {
      this.#keep(peer)
      if (trap) {
        void this.#lose(trap).finally(() => {
          socket.destroy()
          peer.destroy()
        })
        return
      }
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(got.rawHeaders)}\r\n`)
      peer.write(head)
      socket.write(peerHead)
      call.sentBytes += head.length
      call.receivedBytes += peerHead.length
      socket.on('data', (chunk: Buffer) => {
        call.sentBytes += chunk.length
      })
      peer.on('data', (chunk: Buffer) => {
        call.receivedBytes += chunk.length
      })
      peer.pipe(socket).pipe(peer)
      peer.on('close', () => socket.destroy())
      socket.on('close', () => peer.destroy())
    })
    onward.on('response', got => {
      socket.write(`HTTP/1.1 ${got.statusCode} ${got.statusMessage}\r\n${headerLines(got.rawHeaders)}\r\n`)
      got.pipe(socket)
    })
    onward.end()
  }

  #count({ method = '', url = '' }: IncomingMessage, isUpgraded: boolean): { call: CallTraffic; trap?: Trap } {
    const call: CallTraffic = { method, url, sentBytes: 0, receivedBytes: 0, isUpgraded, isOpen: true }
    this.#traffic.push(call)
    if (!this.#trap || this.#traffic.length !== this.#trap.at) return { call }
    this.#isSprung = true
    return { call, trap: this.#trap }
  }

  async #lose({ fault, kill }: Trap): Promise<void> {
    if (fault === 'kill') await kill()
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

function headersOf({ headers }: IncomingMessage): Record<string, string | string[] | undefined> {
  const { host: _theProxy, connection: _theProxys, ...rest } = headers
  return rest
}

function headerLines(raw: string[]): string {
  let lines = ''
  for (let at = 0; at + 1 < raw.length; at += 2) lines += `${raw[at]}: ${raw[at + 1]}\r\n`
  return lines
}

function refusal(status: 409 | 429 | 500) {
  const reason = reasons[status]
  const body = JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `${reason}, said by the test`,
    reason,
    code: status,
  })
  const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
  return { status, headers: status === 429 ? { ...headers, 'retry-after': '1' } : headers, body }
}

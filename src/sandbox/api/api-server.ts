import { type IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Certificate } from '../certificate.ts'
import { ApiError, badRequest, notServed } from '../store/api-error.ts'
import type { User } from './access.ts'
import { type Call, keyOfCall } from './call.ts'
import { serveExec } from './exec-connection.ts'
import { checkExec, isTrue } from './pod-access.ts'
import { portForwardProtocol, servePortForward } from './port-forward.ts'
import { attemptOf, authenticate, authorize, callOf, PageNotFound, pathOf, type RouteParts, route } from './route.ts'

export interface ApiServerParts extends RouteParts {
  certificate: Certificate
  tokens: ReadonlyMap<string, User>
  /** Told of each request as soon as its answer is known. */
  onRequest?: (request: SeenRequest) => void
  /** More are closed at once; default: 1,000. */
  connectionsMax?: number
}

export interface SeenRequest {
  method: string
  /** With its query. */
  url: string
  headers: IncomingMessage['headers']
  /** HTTP status; 101 for an exec or a port-forward. */
  code: number
}

const execProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io']
/** A message to a command's stdin; ours are at most a frame, kubectl's 32 KiB. */
const stdinMessageBytesMax = 4 * 1024 * 1024
const connectionsMaxDefault = 1_000
/** As kube-apiserver's. */
const idleConnectionMs = 90_000
/** A request's line and headers, as kube-apiserver's (`DefaultMaxHeaderBytes` of Go's net/http): an exec's command is in it. */
const headerBytesMax = 1024 * 1024
const acceptable = ['*/*', 'application/*', 'application/json']

/** The Kubernetes API over HTTPS on the loopback interface. */
export class ApiServer {
  readonly #parts: ApiServerParts
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #open = new Set<Duplex>()

  private constructor(parts: ApiServerParts) {
    this.#parts = parts
    const { certificate, key } = parts.certificate
    this.#server = createServer({
      cert: certificate,
      key,
      ALPNProtocols: ['http/1.1'],
      maxHeaderSize: headerBytesMax,
    })
    this.#server.keepAliveTimeout = idleConnectionMs
    this.#server.maxConnections = parts.connectionsMax ?? connectionsMaxDefault
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: stdinMessageBytesMax,
      handleProtocols: offered => execProtocols.find(protocol => offered.has(protocol)) ?? false,
    })
    this.#server.on('secureConnection', socket => {
      this.#open.add(socket)
      socket.once('close', () => this.#open.delete(socket))
    })
    this.#server.on('request', (request, response) => void this.#answer(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
  }

  /** On a free port of 127.0.0.1, or the given one. */
  static async start(parts: ApiServerParts, port = 0): Promise<ApiServer> {
    const server = new ApiServer(parts)
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject)
      server.#server.listen(port, '127.0.0.1', resolve)
    })
    return server
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.cutConnections()
    await closed
  }

  cutConnections(): void {
    for (const client of this.#sockets.clients) client.terminate()
    for (const socket of this.#open) socket.destroy()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    try {
      const user = authenticate(this.#parts.tokens, request)
      checkAccept(request)
      const answer = await route(this.#parts, request, user)
      this.#tell(request, typeof answer === 'function' ? 200 : answer.code)
      if (typeof answer === 'function') answer(response)
      else send(response, answer.code, answer.body, answer.warnings)
    } catch (error) {
      this.#tell(request, codeOf(error))
      refuse(response, error)
      // what was not read of a body is read and dropped by Node, however much it is
      if (codeOf(error) === 413) response.once('finish', () => request.destroy())
    }
  }

  #tell({ method = '', url = '', headers }: IncomingMessage, code: number): void {
    this.#parts.onRequest?.({ method, url, headers, code })
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    try {
      const connect = this.#connectionOf(request)
      this.#tell(request, 101)
      connect(socket, head)
    } catch (error) {
      this.#tell(request, codeOf(error))
      const response = new ServerResponse(request)
      response.assignSocket(socket as Socket)
      response.once('finish', () => socket.end())
      response.setHeader('Connection', 'close')
      refuse(response, error)
    }
  }

  #connectionOf(request: IncomingMessage): (socket: Duplex, head: Buffer) => void {
    const user = authenticate(this.#parts.tokens, request)
    const url = new URL(request.url ?? '/', 'https://sandbox')
    const path = pathOf(url)
    if (path?.plural !== 'pods') throw badRequest('nothing to upgrade here')
    authorize(this.#parts.access, user, attemptOf(path, url.searchParams, request.method ?? ''))
    const call = callOf(this.#parts, request, user, url, path)
    if (path.subresource === 'exec') return this.#exec(call)
    if (path.subresource === 'portforward') return this.#portForward(call)
    throw notServed(`an upgrade of pods/${path.subresource}`)
  }

  #exec(call: Call): (socket: Duplex, head: Buffer) => void {
    const { request, query } = call
    const { pod, container, command } = checkExec(call)
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    if (!isWebSocket || !offered.some(name => execProtocols.includes(name))) {
      throw notServed(`exec other than over ${execProtocols.join(' and ')}`)
    }
    const [stdin, stdout, stderr] = ['stdin', 'stdout', 'stderr'].map(name => isTrue(query.get(name)))
    const order = { container, command, stdin: stdin!, stdout: stdout!, stderr: stderr! }
    const run = this.#parts.runs.running(pod.metadata.uid ?? '', container)
    return (socket, head) =>
      this.#sockets.handleUpgrade(request, socket, head, client => void serveExec(client, run, order))
  }

  #portForward(call: Call): (socket: Duplex, head: Buffer) => void {
    const { request, registry, type } = call
    const { metadata } = registry.get(type, keyOfCall(call))
    const isSpdy = request.headers.upgrade?.toLowerCase() === 'spdy/3.1'
    if (!isSpdy || request.headers['x-stream-protocol-version'] !== portForwardProtocol) {
      throw notServed('port-forward other than over SPDY/3.1')
    }
    const dial = this.#parts.runs.dial(metadata.uid ?? '')
    if (!dial) throw badRequest(`unable to forward port because pod is not running. Current status=Pending`)
    return (socket, head) => {
      const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1']
      socket.write(`${[...lines, `X-Stream-Protocol-Version: ${portForwardProtocol}`].join('\r\n')}\r\n\r\n`)
      void servePortForward(socket, head, dial)
    }
  }
}

function codeOf(error: unknown): number {
  if (error instanceof PageNotFound) return 404
  return error instanceof ApiError ? error.code : 500
}

function checkAccept({ headers }: IncomingMessage): void {
  const wanted = (headers.accept ?? '*/*').split(',').map(part => part.split(';')[0]!.trim())
  if (wanted.some(type => acceptable.includes(type))) return
  const message = '406: Not Acceptable\n\nAvailable representations: application/json, application/json;stream=watch'
  throw new ApiError(406, 'NotAcceptable', message, {})
}

function send(response: ServerResponse, code: number, body: object, warnings: string[] = []): void {
  if (response.headersSent || response.destroyed) return
  const text = `${JSON.stringify(body)}\n`
  response.setHeader('Content-Type', 'application/json')
  response.setHeader('Cache-Control', 'no-cache, private')
  if (warnings.length > 0)
    response.setHeader(
      'Warning',
      warnings.map(each => `299 - ${JSON.stringify(each)}`),
    )
  response.writeHead(code, { 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

function refuse(response: ServerResponse, error: unknown): void {
  if (error instanceof PageNotFound) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end('404 page not found\n')
    return
  }
  if (error instanceof ApiError) {
    const seconds = error.details?.retryAfterSeconds
    if (seconds !== undefined && !response.headersSent) response.setHeader('Retry-After', seconds)
    send(response, error.code, error.status())
    return
  }
  const message = `Internal error occurred: ${error instanceof Error ? error.message : String(error)}`
  send(response, 500, new ApiError(500, 'InternalError', message, { causes: [] }).status())
}

import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { systemTimers } from '../../syncer/base/clock.ts'
import { errnoOf } from '../../syncer/base/errors.ts'
import { pause } from '../../syncer/base/pause.ts'
import type { Authority, Credentials } from './credentials.ts'
import { type Asked, admissionRefusal, refusalOf, silenceOf, type Where } from './refusal.ts'
import { unlessAborted } from './unless-aborted.ts'

/** One request to the API server. */
export interface ApiCall {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  query?: Record<string, string>
  body?: object
  contentType?: string
  asked: Asked
  signal?: AbortSignal
}

export interface ApiAnswer {
  status: number
  /** Values of the `Warning` headers, unquoted. */
  warnings: string[]
  text: string
}

export interface ApiClientOptions {
  /** For one call with its retries, to the end of its answer; for a stream to its headers. */
  deadlineMs: number
}

/** A list of 500 large objects; more is no answer of a Kubernetes API. */
const answerBytesMax = 256 * 1024 * 1024
const attemptsMax = 4

/**
 * HTTP to one API server: deadlines, cancellation, errors for people. Asks again only where nothing was done: a 429,
 * an expired login, and for reads a server error or a connection that was being closed.
 */
export class ApiClient {
  readonly where: Where
  readonly #credentials: Credentials
  readonly #deadlineMs: number
  /** How far the API server's clock is ahead of ours. */
  #aheadMs = 0

  constructor(where: Where, credentials: Credentials, options: ApiClientOptions) {
    this.where = where
    this.#credentials = credentials
    this.#deadlineMs = options.deadlineMs
  }

  /** Fails with the codes of the `Cluster` port; an aborted signal with its reason. */
  async request(call: ApiCall): Promise<ApiAnswer> {
    const { response, exchange } = await this.#answered(call)
    try {
      const text = await readText(response, answerBytesMax)
      return { status: response.statusCode ?? 0, warnings: readWarnings(response.rawHeaders), text }
    } catch (error) {
      throw exchange.failure(error)
    } finally {
      exchange.end()
    }
  }

  /** An answer that goes on (watch). It has no deadline: the caller destroys it. */
  async stream(call: ApiCall): Promise<IncomingMessage> {
    const { response, exchange } = await this.#answered(call)
    exchange.end()
    const abort = () => response.destroy()
    call.signal?.addEventListener('abort', abort, { once: true })
    response.once('close', () => call.signal?.removeEventListener('abort', abort))
    // a peer that vanished without a word is noticed in 25 s
    response.socket.setKeepAlive(true, 15_000)
    return response
  }

  /** See `Cluster.serverTimeMs`. */
  serverTimeMs(): number {
    return Date.now() + this.#aheadMs
  }

  close(): void {
    this.#credentials.close()
  }

  async #answered(call: ApiCall): Promise<{ response: IncomingMessage; exchange: Exchange }> {
    let renewed = false
    let untilMs: number | undefined
    for (let attempt = 1; ; attempt += 1) {
      const authority = await unlessAborted(this.#credentials.authority(), call.signal)
      untilMs ??= performance.now() + this.#deadlineMs
      const exchange = new Exchange(call, this.where, authority, untilMs)
      const response = await exchange.response.catch(error => {
        exchange.end()
        if (attempt >= attemptsMax || !exchange.maySendAgain(error)) throw exchange.failure(error)
      })
      if (!response) continue
      this.#readClock(response)
      if ((response.statusCode ?? 0) < 300) return { response, exchange }
      let pauseMs = retryPauseMs(call, response, attempt)
      if (response.statusCode === 401 && !renewed) {
        renewed = true
        this.#credentials.renew(authority)
        pauseMs = 0
      }
      if (attempt >= attemptsMax || performance.now() + pauseMs >= untilMs) {
        throw await this.#refusal(call, response, authority, exchange)
      }
      response.resume()
      exchange.end()
      await pause(systemTimers, pauseMs, call.signal)
      call.signal?.throwIfAborted()
    }
  }

  #readClock(response: IncomingMessage): void {
    const serverMs = Date.parse(response.headers.date ?? '')
    if (!Number.isNaN(serverMs)) this.#aheadMs = serverMs - Date.now()
  }

  async #refusal(call: ApiCall, response: IncomingMessage, authority: Authority, exchange: Exchange): Promise<unknown> {
    try {
      const text = await readText(response, 64 * 1024)
      const refusal = refusalOf(response.statusCode ?? 0, text, call.asked, this.where)
      if (refusal.code !== 'forbidden' || call.method === 'GET') return refusal
      return (await this.#isAllowed(call.asked, authority)) ? admissionRefusal(refusal) : refusal
    } catch (error) {
      return exchange.failure(error)
    } finally {
      exchange.end()
    }
  }

  /**
   * A missing right and an admission's refusal are both 403 `Forbidden`, told apart in prose only; the API server says
   * which it is when asked for the right.
   */
  async #isAllowed(asked: Asked, authority: Authority): Promise<boolean> {
    const [resource, subresource] = asked.resource.split('/')
    const resourceAttributes = {
      namespace: this.where.namespace,
      verb: asked.verb,
      group: asked.group,
      resource,
      ...(subresource && { subresource }),
      ...(asked.name && { name: asked.name }),
    }
    const call: ApiCall = {
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
      asked: { verb: 'create', group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews' },
    }
    const exchange = new Exchange(call, this.where, authority, performance.now() + this.#deadlineMs)
    try {
      const review = JSON.parse(await readText(await exchange.response, 64 * 1024)) as {
        status?: { allowed?: unknown }
      }
      return review.status?.allowed === true
    } catch {
      return false
    } finally {
      exchange.end()
    }
  }
}

/** One request and the way to its answer, with a deadline; `end` when the answer is read or given up. */
class Exchange {
  readonly response: Promise<IncomingMessage>
  readonly #call: ApiCall
  readonly #where: Where
  readonly #timer: NodeJS.Timeout
  readonly #abort: () => void
  #connected = false
  #reused = false
  #answered = false
  #timedOut = false

  constructor(call: ApiCall, where: Where, authority: Authority, untilMs: number) {
    this.#call = call
    this.#where = where
    const url = new URL(where.server)
    url.pathname = url.pathname.replace(/\/$/, '') + call.path
    url.search = new URLSearchParams(call.query ?? {}).toString()
    const body = call.body && Buffer.from(JSON.stringify(call.body))
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(url, {
      method: call.method,
      agent: authority.agent,
      headers: {
        ...authority.headers,
        Accept: 'application/json',
        'User-Agent': 'podswap',
        ...(body && { 'Content-Type': call.contentType ?? 'application/json', 'Content-Length': body.length }),
      },
    })
    this.#abort = () => request.destroy()
    const timeOut = () => {
      this.#timedOut = true
      request.destroy()
    }
    this.#timer = setTimeout(timeOut, Math.max(1, untilMs - performance.now()))
    call.signal?.addEventListener('abort', this.#abort, { once: true })
    this.response = new Promise((resolve, reject) => {
      request.once('error', reject)
      request.once('close', () => reject(new Error('the connection was closed')))
      request.once('socket', socket => {
        this.#reused = request.reusedSocket
        this.#connected = request.reusedSocket
        if (this.#reused) return
        socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
          this.#connected = true
        })
      })
      request.once('response', response => {
        this.#answered = true
        resolve(response)
      })
    })
    this.response.catch(() => {})
    request.end(body)
  }

  /** A read that met a kept connection just as the server closed it. */
  maySendAgain(error: unknown): boolean {
    if (this.#call.method !== 'GET' || this.#timedOut || this.#answered || this.#call.signal?.aborted) return false
    return this.#reused && ['ECONNRESET', 'EPIPE'].includes(errnoOf(error) ?? '')
  }

  failure(error: unknown): unknown {
    const { signal } = this.#call
    if (signal?.aborted) return signal.reason
    return silenceOf(error, this.#connected, this.#timedOut, this.#where)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#call.signal?.removeEventListener('abort', this.#abort)
  }
}

/** `Infinity`: this answer stands. */
function retryPauseMs(call: ApiCall, response: IncomingMessage, attempt: number): number {
  const status = response.statusCode ?? 0
  const isReadFault = call.method === 'GET' && status >= 500 && status !== 501
  if (status !== 429 && !isReadFault) return Number.POSITIVE_INFINITY
  const seconds = Number(response.headers['retry-after'])
  return seconds > 0 ? seconds * 1000 : 200 * 2 ** (attempt - 1)
}

async function readText(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response) {
    chunks.push(chunk)
    sizeBytes += chunk.length
    if (sizeBytes > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`)
  }
  if (!response.complete) throw new Error('the answer was cut off')
  return Buffer.concat(chunks).toString('utf8')
}

/** `Warning: 299 - "text"`, once for each warning. */
function readWarnings(rawHeaders: string[]): string[] {
  const warnings: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'warning') continue
    const quoted = /^\d{3} \S+ "((?:[^"\\]|\\.)*)"/.exec(rawHeaders[index + 1] ?? '')?.[1]
    if (quoted !== undefined) warnings.push(quoted.replace(/\\(.)/g, '$1'))
  }
  return warnings
}

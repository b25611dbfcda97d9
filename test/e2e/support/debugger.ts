import { once } from 'node:events'
import { WebSocket } from 'ws'

interface Message {
  id?: number
  method?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

/** A client of the DevTools protocol: what an editor speaks to a Node inspector. */
export class Debugger implements Disposable {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (message: Message) => void>()
  readonly #events: Message[] = []
  readonly #listeners = new Set<() => void>()
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('message', data => this.#received(JSON.parse(String(data))))
  }

  /** Attaches to the first target of the inspector on this port. */
  static async attach(port: number): Promise<Debugger> {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(5000) })
    const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[]
    if (!target) throw new Error('the inspector has no target')
    const socket = new WebSocket(target.webSocketDebuggerUrl, { handshakeTimeout: 5000 })
    const attached = new Debugger(socket)
    await once(socket, 'open')
    return attached
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#lastId
    const answered = new Promise<Message>(resolve => this.#waiting.set(id, resolve))
    this.#socket.send(JSON.stringify({ id, method, params }))
    const { error, result } = await answered
    if (error) throw new Error(`${method}: ${error.message}`)
    return result ?? {}
  }

  /** The next event of this name, one that came already included. */
  async event(method: string, timeoutMs = 20_000): Promise<Record<string, unknown>> {
    const signal = AbortSignal.timeout(timeoutMs)
    for (;;) {
      const at = this.#events.findIndex(event => event.method === method)
      if (at >= 0) return this.#events.splice(at, 1)[0]!.params ?? {}
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error(`no ${method} within ${timeoutMs} ms`)), { once: true })
        this.#listeners.add(resolve)
      })
    }
  }

  [Symbol.dispose](): void {
    this.#socket.terminate()
  }

  #received(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message)
      this.#waiting.delete(message.id)
      return
    }
    this.#events.push(message)
    for (const listener of this.#listeners) listener()
    this.#listeners.clear()
  }
}

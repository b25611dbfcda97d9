import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { nodeCommand } from '../../../syncer/base/pod-layout.ts'
import type { Kubectl } from './kubectl.ts'

const program = readFileSync(new URL('hand.cjs', import.meta.url), 'utf8')

/** How a file is saved: over the old one (VS Code), by rename (vim), or a line at its end (a log, `>>`). */
export type SaveStyle = 'in-place' | 'atomic' | 'append'

export interface SeenProcess {
  pid: number
  parent: number
  state: string
  uid: string
  argv: string[]
}

/**
 * Somebody at work in a folder: a process of its own, on the laptop or inside a container, that writes and looks
 * there without podswap. See hand.cjs for what it can do.
 */
export class Hand implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Map<number, { resolve(reply: never): void; reject(error: Error): void }>()
  #lastId = 0
  #stderr = ''

  private constructor(file: string, args: string[]) {
    this.#child = spawn(file, args)
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.on('data', text => {
      this.#stderr = (this.#stderr + text).slice(-2000)
    })
    createInterface(this.#child.stdout).on('line', line => this.#answered(JSON.parse(line)))
    this.#child.on('error', error => this.#gone(error.message))
    this.#child.on('close', code => this.#gone(`ended with ${code}: ${this.#stderr}`))
  }

  static onLaptop(): Hand {
    return new Hand(process.execPath, ['-e', program])
  }

  /** `withNode`: the image has a `node` of its own; otherwise the delivered one runs the hand. */
  static async inPod(kubectl: Kubectl, pod: string, container: string, withNode = true): Promise<Hand> {
    const node = withNode ? ['node'] : nodeCommand('').slice(0, -1)
    const exec = ['exec', '-i', pod, '-c', container, '--', ...node, '-e', program]
    const hand = new Hand('kubectl', ['--kubeconfig', kubectl.kubeconfig, '--namespace', kubectl.namespace, ...exec])
    await hand.call('ping')
    return hand
  }

  async call<T = unknown>(call: string, request: object = {}): Promise<T> {
    const id = ++this.#lastId
    const reply = new Promise<T>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
    this.#child.stdin.write(`${JSON.stringify({ id, call, ...request })}\n`)
    return await reply
  }

  /** @returns when the save began, in ms by the hand's clock */
  async write(file: string, content: string | Buffer, how: SaveStyle = 'atomic'): Promise<number> {
    const data = Buffer.from(content).toString('base64')
    return (await this.call<{ at: number }>('write', { file, data, how })).at
  }

  /** @returns whether it went over a change that it had not read, as any editor may in the last moment */
  async addLine(file: string, line: string, how: SaveStyle): Promise<boolean> {
    return (await this.call<{ overwrote: boolean }>('addLine', { file, line, how })).overwrote
  }

  /** @returns null where nothing can be read */
  async read(file: string): Promise<string | null> {
    const { data } = await this.call<{ data?: string }>('read', { file })
    return data === undefined ? null : Buffer.from(data, 'base64').toString()
  }

  async remove(file: string): Promise<void> {
    await this.call('remove', { file })
  }

  async move(from: string, to: string): Promise<void> {
    await this.call('move', { from, to })
  }

  /** path → what stands there, as one comparable string; with stats (inode, times) on request. */
  async tree(dir: string, stats = false): Promise<Record<string, string>> {
    return (await this.call<{ entries: Record<string, string> }>('tree', { dir, stats })).entries
  }

  async processes(): Promise<SeenProcess[]> {
    return (await this.call<{ found: SeenProcess[] }>('processes')).found
  }

  async kill(pid: number, signal: NodeJS.Signals): Promise<void> {
    await this.call('kill', { pid, signal })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = new Promise(resolve => this.#child.once('close', resolve))
    this.#child.kill('SIGKILL')
    await closed
  }

  #answered(reply: { id: number; error?: string; code?: string }): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.error !== undefined) waiting?.reject(Object.assign(new Error(reply.error), { code: reply.code }))
    else waiting?.resolve(reply as never)
  }

  #gone(reason: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`the hand is gone: ${reason}`))
    this.#waiting.clear()
  }
}

import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import type { LaptopSessionOptions } from '../../../syncer/session/laptop-session.ts'
import { PodSyncHost } from '../../../syncer/session/sync-host.ts'
import type { SyncEvent, SyncSession } from '../../../syncer/session/sync-port.ts'
import { openSyncSession } from '../../../syncer/session/sync-session.ts'
import { carrierPair } from '../wire/carrier-pair.ts'

/** A laptop's session and a pod's host over two real folders, joined in memory. */
export class RealPair {
  readonly base = fs.mkdtempSync(path.join(os.tmpdir(), 'real-pair-'))
  readonly laptopFolder = path.join(this.base, 'laptop')
  podFolder = path.join(this.base, 'pod')
  readonly events: SyncEvent[] = []
  session!: SyncSession
  host = this.newHost()
  private attempt = 0
  private readonly sockets: net.Server[] = []

  constructor() {
    fs.mkdirSync(this.laptopFolder)
    fs.mkdirSync(this.podFolder)
  }

  open(initial: 'mirror' | 'keep' = 'mirror', more: Pick<LaptopSessionOptions, 'init' | 'rules'> = {}): void {
    this.session = openSyncSession({
      local: this.laptopFolder,
      initial,
      sessionKey: 'test',
      stateFolder: path.join(this.base, 'state'),
      onEvent: event => this.events.push(event),
      ...more,
    })
  }

  attach(fence = 0): void {
    this.attempt += 1
    const request = { kind: 'sync' as const, folder: this.podFolder, session: 'test', attempt: this.attempt, fence }
    const [controlHere, controlThere] = carrierPair()
    const [bulkHere, bulkThere] = carrierPair()
    this.host.openLane({ ...request, lane: 'control' }, controlThere)
    this.host.openLane({ ...request, lane: 'bulk' }, bulkThere)
    this.session.attach({ control: controlHere, bulk: bulkHere })
  }

  /** The agent's process ends and another starts. */
  restartHost(): void {
    this.host.close()
    this.host = this.newHost()
  }

  async inStep(): Promise<void> {
    await until(() => this.session.status().lastProbeAtMs !== undefined && this.session.status().state !== 'scanning')
    await this.session.flush(AbortSignal.timeout(60_000))
  }

  write(side: 'laptop' | 'pod', name: string, text: string | Buffer): void {
    const file = this.at(side, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  }

  /** A path that cannot travel. The whole path may be longer than a socket's may be. */
  makeSocket(side: 'laptop' | 'pod', name: string): void {
    const socket = net.createServer()
    this.sockets.push(socket)
    const before = process.cwd()
    process.chdir(path.dirname(this.at(side, name)))
    socket.listen(path.basename(name))
    process.chdir(before)
  }

  rename(side: 'laptop' | 'pod', from: string, to: string): void {
    fs.renameSync(this.at(side, from), this.at(side, to))
  }

  read(side: 'laptop' | 'pod', name: string): string | null {
    try {
      return fs.readFileSync(this.at(side, name), 'utf8')
    } catch {
      return null
    }
  }

  at(side: 'laptop' | 'pod', name: string): string {
    return path.join(side === 'laptop' ? this.laptopFolder : this.podFolder, name)
  }

  /** Path → content of everything but our private folder. */
  tree(side: 'laptop' | 'pod'): Record<string, string> {
    const root = side === 'laptop' ? this.laptopFolder : this.podFolder
    const tree: Record<string, string> = {}
    for (const name of fs.readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (name.startsWith('.podswap') || name.startsWith('.git/') || name === '.git') continue
      const stat = fs.lstatSync(path.join(root, name))
      if (stat.isFile()) tree[name] = fs.readFileSync(path.join(root, name), 'utf8')
      else tree[name] = stat.isDirectory() ? '/' : `-> ${fs.readlinkSync(path.join(root, name))}`
    }
    return tree
  }

  dispose(): void {
    for (const socket of this.sockets) socket.close()
    this.session?.close()
    this.host.close()
    fs.rmSync(this.base, { recursive: true, force: true })
  }

  private newHost(): PodSyncHost {
    return new PodSyncHost(() => {})
  }
}

/** Waits for a state, with a limit. */
export async function until(isSo: () => boolean, limitMs = 60_000): Promise<void> {
  const end = performance.now() + limitMs
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${isSo}`)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

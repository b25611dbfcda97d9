import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Clock, Timers } from '../../../syncer/base/clock.ts'
import { type ContainerRequest, type PodPlace, type PodRequest, RuntimeRefusal } from '../pod-runtime.ts'
import { containerEnvironment, type EnvironmentOptions } from './container-environment.ts'
import { makeContainerRoot, tellCommand, workingDirOf } from './container-root.ts'
import { type ProcessRun, startRun } from './container-run.ts'
import { commandLine, type Images } from './images.ts'
import type { NamedPod, NameServer } from './name-server.ts'
import { killProcesses } from './process-tree.ts'
import type { NetworkConfig } from './programs/network-config.ts'
import type { Watchdog } from './watchdog.ts'

/** What all pods of a runtime share. */
export interface PodSurroundings {
  images: Images
  nameServer: NameServer
  watchdog: Watchdog
  addresses: NetworkConfig['addresses']
  init: string | null
  /** See {@link containerEnvironment}. */
  preload: string
  portable: EnvironmentOptions['portable']
  programs: string
  path: string
  clock: Clock
  timers: Timers
}

export interface PodOptions {
  /** Short, and this pod's alone in the runtime. */
  key: string
  /** Empty; the pod's own. */
  folder: string
  mark: string
  address: string
  volumes: ReadonlyMap<string, string>
  request: PodRequest
  /** Everything of it has gone. */
  closed: () => void
}

/** A pod: a folder, an address, and the runs of its containers. */
export class ProcessPod implements PodPlace {
  readonly ip: string
  readonly #around: PodSurroundings
  readonly #options: PodOptions
  readonly #named: NamedPod
  readonly #network: NetworkConfig
  readonly #runs = new Set<ProcessRun>()
  #count = 0
  #closing: Promise<void> | undefined

  constructor(around: PodSurroundings, options: PodOptions) {
    const { key, address, request } = options
    const { metadata, spec } = request.pod
    const hostname: string = spec?.hostname ?? metadata.name ?? key
    this.ip = address
    this.#around = around
    this.#options = options
    const ports = join(options.folder, 'ports')
    mkdirSync(ports)
    const { nameServer, addresses } = around
    this.#network = { socket: nameServer.path, pod: key, hostname, address, addresses, ports }
    const aliases = aliasesOf(spec?.hostAliases ?? [])
    this.#named = { key, address, namespace: metadata.namespace ?? 'default', aliases, names: request.names, ports }
    nameServer.add(this.#named)
  }

  async start(request: ContainerRequest, signal: AbortSignal): Promise<ProcessRun> {
    signal.throwIfAborted()
    const image = this.#around.images.find(request.image)
    const number = ++this.#count
    const folder = join(this.#options.folder, `r${number}`)
    mkdirSync(folder)
    let unmount = () => {}
    const removeFolder = () => {
      unmount()
      return rm(folder, { recursive: true, force: true })
    }
    try {
      const { root, ...made } = makeContainerRoot(folder, image, request, this.#options.volumes)
      unmount = made.unmount
      const argv = commandLine(image, request)
      tellCommand(root, argv)
      const mark = `${this.#options.mark}${number}/`
      const { init, watchdog, clock, timers } = this.#around
      const network = this.#network
      const run = await startRun({
        id: mark.replaceAll('/', ''),
        mark,
        argv: argv.map(argument => root.argument(argument)),
        cwd: root.path(workingDirOf(image, request)),
        env: containerEnvironment({ ...this.#around, image, request, root, mark, network }),
        root,
        init,
        watchdog,
        clock,
        timers,
        ended: () => void removeFolder().catch(() => {}),
      })
      this.#keep(run)
      if (signal.aborted || this.#closing) await run.stop(0)
      signal.throwIfAborted()
      if (this.#closing) throw new RuntimeRefusal('RunContainerError', 'the pod is being removed')
      return run
    } catch (error) {
      await removeFolder()
      throw error
    }
  }

  dial(port: number, signal: AbortSignal): Promise<Duplex> {
    const target = this.#around.nameServer.locate({ address: this.ip, port })
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      if (!target) {
        const error = new Error(`connect ECONNREFUSED ${this.ip}:${port}`)
        return reject(Object.assign(error, { code: 'ECONNREFUSED', syscall: 'connect', address: this.ip, port }))
      }
      const socket = connect({ host: target.address, port: target.port })
      const abort = () => socket.destroy(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      socket.once('close', () => signal.removeEventListener('abort', abort))
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(socket)
      })
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await Promise.all([...this.#runs].map(run => run.stop(0)))
      await killProcesses(this.#options.mark)
      // what a program was just writing when it was killed
      await rm(this.#options.folder, { recursive: true, force: true, maxRetries: 5 })
    } catch {
      // the runtime's own folder goes at the end, and this with it
    } finally {
      this.#around.nameServer.remove(this.#named)
      this.#options.closed()
    }
  }

  #keep(run: ProcessRun): void {
    this.#runs.add(run)
    void run.exited.then(() => this.#runs.delete(run))
  }
}

function aliasesOf(entries: { ip: string; hostnames?: string[] }[]): Map<string, string[]> {
  const aliases = new Map<string, string[]>()
  for (const { ip, hostnames = [] } of entries) {
    for (const name of hostnames) aliases.set(name.toLowerCase(), [...(aliases.get(name.toLowerCase()) ?? []), ip])
  }
  return aliases
}

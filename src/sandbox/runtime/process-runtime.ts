import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, systemClock, systemTimers, type Timers } from '../../../syncer/base/clock.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { type PodPlace, type PodRequest, type PodRuntime, RuntimeRefusal } from '../pod-runtime.ts'
import { ClaimFolders } from './claim-folders.ts'
import { nodeWrapper } from './container-environment.ts'
import { Images, nodeImage, postgresImage, type SandboxImage } from './images.ts'
import { NameServer } from './name-server.ts'
import { PodAddresses } from './pod-addresses.ts'
import { makeVolumes } from './pod-volumes.ts'
import { type PodSurroundings, ProcessPod } from './process-pod.ts'
import { killProcesses, markVariable } from './process-tree.ts'
import type { NetworkConfig } from './programs/network-config.ts'
import type { RuntimePrograms } from './runtime-programs.ts'
import { unenforced, unsupported } from './unsupported.ts'
import { Watchdog } from './watchdog.ts'

export interface RuntimeOptions {
  programs: RuntimePrograms
  /** Beside `node` and `postgres`. */
  images?: SandboxImage[]
  /** Where each pod has an address of this machine (Linux), or all share one. By the platform when absent. */
  addresses?: NetworkConfig['addresses']
  clock?: Clock
  timers?: Timers
}

/** A socket's path may have 104 bytes on a Mac, the native program takes 100; what stands behind the folder has 40. */
const folderCharsMax = 60

/**
 * Starts a runtime whose pods are processes of this machine, without isolation. It has a folder for temporary files,
 * which {@link PodRuntime.close} removes, or the watchdog, where this process is killed.
 * @throws UserError `unsupported` on Windows
 */
export async function startProcessRuntime(options: RuntimeOptions): Promise<ProcessRuntime> {
  if (process.platform === 'win32') {
    throw new UserError('unsupported', 'the embedded cluster does not run on Windows', {
      hint: 'run it in WSL, or use podswap with a cluster: that works on Windows',
    })
  }
  const addresses = options.addresses ?? (process.platform === 'linux' ? 'own' : 'shared')
  const taken = await PodAddresses.claim(addresses === 'own')
  const folder = makeFolder()
  const mark = `${randomBytes(8).toString('hex')}/`
  const files = writePrograms(folder, options.programs)
  const { init, pty, postgres } = options.programs
  const database = postgres === null ? [] : [postgresImage(postgres)]
  const watchdog = new Watchdog(files.watchdog, mark, folder)
  try {
    const nameServer = await NameServer.listen(join(folder, 'names'), addresses === 'own')
    const around: PodSurroundings = {
      images: new Images([nodeImage(files.node), ...database, ...(options.images ?? [])]),
      nameServer,
      watchdog,
      addresses,
      init,
      preload: files.preload,
      portable: init === null ? { init: files.portableInit, pty } : null,
      programs: files.folder,
      path: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      clock: options.clock ?? systemClock,
      timers: options.timers ?? systemTimers,
    }
    return new ProcessRuntime(around, { folder, mark, addresses: taken })
  } catch (error) {
    taken.close()
    await rm(folder, { recursive: true, force: true })
    await watchdog.done()
    throw error
  }
}

/** {@link PodRuntime} on this machine. */
export class ProcessRuntime implements PodRuntime {
  /** Everything that pods have on disk is in it. */
  readonly folder: string
  readonly #around: PodSurroundings
  readonly #mark: string
  readonly #addresses: PodAddresses
  readonly #claims: ClaimFolders
  readonly #pods = new Set<ProcessPod>()
  #count = 0
  #closing: Promise<void> | undefined

  constructor(around: PodSurroundings, own: { folder: string; mark: string; addresses: PodAddresses }) {
    this.folder = own.folder
    this.#around = around
    this.#mark = own.mark
    this.#addresses = own.addresses
    this.#claims = new ClaimFolders(own.folder)
  }

  /** Of the process that cleans up where this one is killed. */
  get watchdogPid(): number | undefined {
    return this.#around.watchdog.pid
  }

  unsupported(podSpec: PodRequest['pod']['spec']): string[] {
    return unsupported(podSpec)
  }

  unenforced(podSpec: PodRequest['pod']['spec']): string[] {
    return unenforced(podSpec)
  }

  /** In the environment of a process beside the pods that is to end with them, see {@link adopt}. */
  get companionEnvironment(): Record<string, string> {
    return { [markVariable]: `${this.#mark}companion/` }
  }

  /** A process that was started with {@link companionEnvironment}: it ends with the pods, also where this one is killed. */
  adopt(child: ChildProcess): void {
    const { pid } = child
    if (pid === undefined) return
    this.#around.watchdog.started(pid)
    child.once('exit', () => this.#around.watchdog.ended(pid))
  }

  async openPod(request: PodRequest, signal: AbortSignal): Promise<PodPlace> {
    signal.throwIfAborted()
    if (this.#closing) throw new RuntimeRefusal('FailedCreatePodSandBox', 'the sandbox is stopping')
    const key = `${++this.#count}`
    const folder = join(this.folder, key)
    const address = this.#addresses.take()
    try {
      mkdirSync(folder)
      const volumes = makeVolumes(folder, request.volumes, this.#claims)
      const mark = `${this.#mark}${key}/`
      const closed = () => {
        this.#addresses.giveBack(address)
        this.#pods.delete(pod)
      }
      const pod: ProcessPod = new ProcessPod(this.#around, { key, folder, mark, address, volumes, request, closed })
      this.#pods.add(pod)
      return pod
    } catch (cause) {
      this.#addresses.giveBack(address)
      await rm(folder, { recursive: true, force: true })
      if (cause instanceof RuntimeRefusal) throw cause
      throw new RuntimeRefusal('FailedCreatePodSandBox', `cannot make the pod's folder: ${cause}`, { cause })
    }
  }

  removeClaim(uid: string): Promise<void> {
    return this.#claims.remove(uid)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#pods].map(pod => pod.close()))
    await killProcesses(this.#mark)
    await this.#around.nameServer.close()
    this.#addresses.close()
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
    await this.#around.watchdog.done()
  }
}

function makeFolder(): string {
  const base = tmpdir().length <= folderCharsMax - 'podswap-XXXXXX'.length ? tmpdir() : '/tmp'
  return mkdtempSync(join(base, 'podswap-'))
}

function writePrograms(folder: string, programs: RuntimePrograms) {
  const files = {
    folder: join(folder, 'bin'),
    node: join(folder, 'bin/node'),
    preload: join(folder, 'preload.cjs'),
    watchdog: join(folder, 'watchdog.cjs'),
    portableInit: join(folder, 'portable-init.cjs'),
  }
  mkdirSync(files.folder)
  writeFileSync(files.preload, programs.preload)
  writeFileSync(files.watchdog, programs.watchdog)
  if (programs.init === null) writeFileSync(files.portableInit, programs.portableInit)
  writeFileSync(files.node, nodeWrapper(process.execPath))
  chmodSync(files.node, 0o755)
  return files
}

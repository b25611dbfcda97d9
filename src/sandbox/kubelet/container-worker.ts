import type { ContainerExit, ContainerRequest, ContainerRun, PodPlace, RefusalReason } from '../pod-runtime.ts'
import { RuntimeRefusal } from '../pod-runtime.ts'
import { type ApiObject, timestampOf } from '../store/api-object.ts'
import { ConfigError, environmentOf, expanded, type PodScene } from './environment.ts'
import type { PodDesk } from './pod-desk.ts'
import { ProbeLoops } from './probe-loops.ts'
import { probeOnce } from './probes.ts'

export interface ContainerState {
  waiting?: { reason: string; message?: string }
  running?: { startedAt: string }
  terminated?: Record<string, string | number>
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

export interface ContainerParts {
  desk: PodDesk
  scene: PodScene
  place: PodPlace
  /** Of the pod's spec. */
  container: ApiObject['spec']
  isInit: boolean
  policy: RestartPolicy
}

/** One container of a pod: its runs, one after the other, and what is told of them. */
export class ContainerWorker {
  readonly name: string
  readonly isInit: boolean
  readonly container: ApiObject['spec']
  state: ContainerState = { waiting: { reason: 'PodInitializing' } }
  lastState: ContainerState = {}
  restartCount = 0
  isReady = false
  isStarted = false
  containerId: string | undefined
  current: ContainerRun | undefined
  previous: ContainerRun | undefined
  isRunning = false
  #isStopping = false
  readonly #parts: ContainerParts
  readonly #path: string

  constructor(parts: ContainerParts) {
    this.#parts = parts
    this.container = parts.container
    this.name = parts.container.name
    this.isInit = parts.isInit
    this.#path = `spec.${parts.isInit ? 'initContainers' : 'containers'}{${this.name}}`
  }

  /** Runs and restarts it until it is over for good or the signal is aborted. Resolves with whether it succeeded. */
  async run(signal: AbortSignal): Promise<boolean> {
    const { policy, desk } = this.#parts
    let backoffMs = 0
    while (!signal.aborted) {
      const run = await this.#started(signal)
      if (signal.aborted) {
        await run?.stop(0)
        break
      }
      const ranMs = run ? await this.#watched(run) : 0
      const isSuccess = this.state.terminated?.exitCode === 0
      if (signal.aborted || policy === 'Never' || (policy === 'OnFailure' && isSuccess)) return isSuccess
      // a container that ran for long begins anew
      if (ranMs > 2 * desk.times.backoffMsMax) backoffMs = 0
      if (backoffMs > 0) this.#crashLoop(backoffMs)
      await desk.pause(backoffMs, signal)
      backoffMs = nextBackoff(backoffMs, desk.times)
      this.restartCount += 1
    }
    return false
  }

  /** Ends the run, if there is one, after its `preStop`. Called again with less grace, it hurries. */
  async stop(graceMs: number): Promise<void> {
    if (!this.isRunning || !this.current) return
    const { current: run } = this
    const hook = this.container.lifecycle?.preStop
    if (!hook || graceMs === 0 || this.#isStopping) {
      await run.stop(graceMs)
      return
    }
    this.#isStopping = true
    const { desk, scene, place } = this.#parts
    const startedAtMs = desk.now()
    // a probe's way of running a command, with all of the grace period for its time
    const command = { ...hook, timeoutSeconds: graceMs / 1000 }
    const target = { pod: scene.pod, place, run, timers: desk.timers }
    const problem = await probeOnce(command, target, new AbortController().signal)
    if (problem !== undefined) this.#tell('Warning', 'FailedPreStopHook', `PreStopHook failed: ${problem}`)
    // what the hook used up is not given twice, but for two seconds
    await run.stop(Math.max(2_000, graceMs - (desk.now() - startedAtMs)))
  }

  /** Tries until it starts; undefined: the process could not be started, which counts as a run that failed. */
  async #started(signal: AbortSignal): Promise<ContainerRun | undefined> {
    const { desk, place } = this.#parts
    const { image } = this.container
    let pullBackoffMs = 0
    for (;;) {
      try {
        const run = await place.start(this.#request(), signal)
        this.#tell('Normal', 'Pulled', `Container image ${JSON.stringify(image)} already present on machine`)
        this.#tell('Normal', 'Created', `Created container: ${this.name}`)
        this.#tell('Normal', 'Started', `Started container ${this.name}`)
        return run
      } catch (error) {
        if (signal.aborted) return undefined
        const { reason, message } = refusalOf(error)
        if (reason === 'RunContainerError') return this.#startFailed(message)
        if (reason === 'ErrImagePull') pullBackoffMs = await this.#pullFailed(message, pullBackoffMs, signal)
        else {
          this.#wait(reason, message)
          this.#tell('Warning', 'Failed', `Error: ${message}`)
          await desk.pause(desk.times.retryMs, signal)
        }
        if (signal.aborted) return undefined
      }
    }
  }

  /** With its environment as it is now. Throws a {@link ConfigError}. */
  #request(): ContainerRequest {
    const { desk, scene } = this.#parts
    const { name, image, command, args, workingDir, volumeMounts = [] } = this.container
    const env = environmentOf(desk.store, scene, this.container)
    return {
      name,
      image,
      ...(command && { command: command.map((part: string) => expanded(part, env)) }),
      ...(args && { args: args.map((part: string) => expanded(part, env)) }),
      ...(workingDir && { workingDir }),
      env,
      mounts: volumeMounts.map((mount: { name: string; mountPath: string; subPath?: string; readOnly?: boolean }) => ({
        volume: mount.name,
        path: mount.mountPath,
        ...(mount.subPath && { subPath: mount.subPath }),
        readOnly: mount.readOnly ?? false,
      })),
      restartCount: this.restartCount,
    }
  }

  /** From its start to its end; gives how long it ran. */
  async #watched(run: ContainerRun): Promise<number> {
    const { desk, scene, place } = this.#parts
    this.previous?.forget()
    this.previous = this.current
    this.current = run
    this.isRunning = true
    this.#isStopping = false
    this.containerId = `podswap://${run.id}`
    this.isStarted = !this.container.startupProbe
    this.isReady = this.isStarted && !this.container.readinessProbe
    this.state = { running: { startedAt: timestampOf(desk.now()) } }
    desk.changed()
    const probes = new ProbeLoops(this, { pod: scene.pod, place, run, timers: desk.timers }, desk, this.#path)
    const exit = await run.exited
    probes.stop()
    this.isRunning = false
    this.#ended(exit)
    return exit.finishedAtMs - exit.startedAtMs
  }

  #ended({ exitCode, signal, startedAtMs, finishedAtMs }: ContainerExit): void {
    this.#setTerminated({
      exitCode,
      ...(signal !== undefined && { signal }),
      reason: exitCode === 0 ? 'Completed' : 'Error',
      startedAt: timestampOf(startedAtMs),
      finishedAt: timestampOf(finishedAtMs),
      ...(this.containerId && { containerID: this.containerId }),
    })
  }

  #setTerminated(terminated: Record<string, string | number>): void {
    // a second end without a start between: the one before has been told
    if (this.state.terminated) this.lastState = this.state
    this.state = { terminated }
    this.isReady = false
    this.isStarted = false
    this.#parts.desk.changed()
  }

  #startFailed(message: string): undefined {
    const { desk } = this.#parts
    this.#tell('Warning', 'Failed', `Error: ${message}`)
    const finishedAt = timestampOf(desk.now())
    const startedAt = timestampOf(0)
    this.#setTerminated({ exitCode: 128, reason: 'StartError', message, startedAt, finishedAt })
  }

  async #pullFailed(message: string, backoffMs: number, signal: AbortSignal): Promise<number> {
    const { desk } = this.#parts
    const image = JSON.stringify(this.container.image)
    const next = nextBackoff(backoffMs, desk.times)
    this.#tell('Normal', 'Pulling', `Pulling image ${image}`)
    this.#tell('Warning', 'Failed', `Failed to pull image ${image}: ${message}`)
    this.#tell('Warning', 'Failed', 'Error: ErrImagePull')
    this.#wait('ErrImagePull', message)
    await desk.pause(Math.min(desk.times.retryMs, next), signal)
    if (signal.aborted) return next
    this.#tell('Normal', 'BackOff', `Back-off pulling image ${image}`)
    this.#tell('Warning', 'Failed', 'Error: ImagePullBackOff')
    this.#wait('ImagePullBackOff', `Back-off pulling image ${image}: ErrImagePull: ${message}`)
    await desk.pause(next, signal)
    return next
  }

  #crashLoop(backoffMs: number): void {
    const { name, namespace, uid } = this.#parts.scene.pod.metadata
    const pod = `${name}_${namespace}(${uid})`
    this.#tell('Warning', 'BackOff', `Back-off restarting failed container ${this.name} in pod ${pod}`)
    this.lastState = this.state
    const message = `back-off ${lengthOf(backoffMs)} restarting failed container=${this.name} pod=${pod}`
    this.#wait('CrashLoopBackOff', message)
  }

  #wait(reason: string, message: string): void {
    if (this.state.terminated) this.lastState = this.state
    this.state = { waiting: { reason, message } }
    this.#parts.desk.changed()
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.desk.tell({ type, reason, message, fieldPath: this.#path })
  }
}

function refusalOf(error: unknown): { reason: RefusalReason | 'CreateContainerConfigError'; message: string } {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof ConfigError) return { reason: 'CreateContainerConfigError', message }
  return { reason: error instanceof RuntimeRefusal ? error.reason : 'CreateContainerError', message }
}

function nextBackoff(beforeMs: number, times: { backoffMsMin: number; backoffMsMax: number }): number {
  return beforeMs === 0 ? times.backoffMsMin : Math.min(times.backoffMsMax, beforeMs * 2)
}

/** `10s`, `2m40s`, as Go prints it. */
function lengthOf(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}

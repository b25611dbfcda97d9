// biome-ignore-all lint/suspicious/noExplicitAny: probes as the API has them, already validated and defaulted
import type { PodDesk } from './pod-desk.ts'
import { type ProbeTarget, probeOnce } from './probes.ts'

/** A running container that says how it is to be asked, and learns what came of it. */
export interface ProbedContainer {
  readonly name: string
  readonly container: any
  isStarted: boolean
  isReady: boolean
}

/** Asks a running container whether it has started, is ready, is alive; ends it where it is not. */
export class ProbeLoops {
  readonly #worker: ProbedContainer
  readonly #target: ProbeTarget
  readonly #desk: PodDesk
  readonly #path: string
  readonly #over = new AbortController()

  constructor(worker: ProbedContainer, target: ProbeTarget, desk: PodDesk, path: string) {
    this.#worker = worker
    this.#target = target
    this.#desk = desk
    this.#path = path
    void this.#run()
  }

  stop(): void {
    this.#over.abort()
  }

  async #run(): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.#worker.container
    if (startupProbe) {
      await this.#loop(startupProbe, 'Startup', isPassed => {
        if (!isPassed) return this.#kill('startup', startupProbe)
        this.#worker.isStarted = true
        this.#worker.isReady = !readinessProbe
        this.#desk.changed()
        return true
      })
    }
    if (this.#over.signal.aborted) return
    const loops: Promise<void>[] = []
    if (livenessProbe) {
      loops.push(this.#loop(livenessProbe, 'Liveness', isPassed => !isPassed && this.#kill('liveness', livenessProbe)))
    }
    if (readinessProbe) {
      const set = (isPassed: boolean) => {
        if (this.#worker.isReady !== isPassed) {
          this.#worker.isReady = isPassed
          this.#desk.changed()
        }
        return false
      }
      loops.push(this.#loop(readinessProbe, 'Readiness', set))
    }
    await Promise.all(loops)
  }

  /** Tells `judged` each time a threshold is reached; ends when that says so or the run is over. */
  async #loop(probe: any, kind: string, judged: (isPassed: boolean) => boolean): Promise<void> {
    const { signal } = this.#over
    let passed = 0
    let failed = 0
    await this.#desk.pause((probe.initialDelaySeconds ?? 0) * 1000, signal)
    while (!signal.aborted) {
      const problem = await probeOnce(probe, this.#target, signal)
      if (signal.aborted) return
      passed = problem === undefined ? passed + 1 : 0
      failed = problem === undefined ? 0 : failed + 1
      if (problem !== undefined) this.#tell('Warning', 'Unhealthy', `${kind} probe failed: ${problem}`)
      if (passed >= probe.successThreshold && judged(true)) return
      if (failed >= probe.failureThreshold && judged(false)) return
      await this.#desk.pause(probe.periodSeconds * 1000, signal)
    }
  }

  #kill(kind: string, probe: any): boolean {
    this.#tell('Normal', 'Killing', `Container ${this.#worker.name} failed ${kind} probe, will be restarted`)
    const seconds = probe.terminationGracePeriodSeconds ?? this.#target.pod.spec.terminationGracePeriodSeconds
    void this.#target.run.stop(seconds * 1000)
    return true
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#desk.tell({ type, reason, message, fieldPath: this.#path })
  }
}

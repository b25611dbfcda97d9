import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CleanUp } from '../test/e2e/support/clean-up.ts'
import { Hand } from '../test/e2e/support/hand.ts'
import { Kubectl } from '../test/e2e/support/kubectl.ts'
import { Laptop } from '../test/e2e/support/laptop.ts'
import { freePort } from '../test/e2e/support/ports.ts'
import { devPod } from '../test/e2e/support/service-client.ts'
import { until } from '../test/e2e/support/until.ts'
import { Link } from './link.ts'
import type { Options } from './options.ts'
import type { LinkSpeed } from './shaper.ts'
import { type TreePlan, writeTree } from './tree.ts'
import { type Usage, usageOf } from './usage.ts'

/** Where podswap puts the tree, and where tar does; both are memory, in the same pod. */
export const targets = { ours: '/app', theirs: '/app2' } as const

export const emptyPlan: TreePlan = { folders: [], files: [] }

/** CPU time of both ends between two looks a second apart. */
const restingMsMax = 50

/** Port of the hand's TCP server in the pod. */
export const serverPort = 7007

export interface BeginOptions {
  /** By which the laptop reaches the cluster; default: as it was given. */
  kubeconfig?: string
  /** To {@link serverPort}. */
  hasForward?: boolean
}

/** A workload to develop, a laptop to do it from, and dev mode on. All of it goes when it is disposed of. */
export class Ground implements AsyncDisposable {
  readonly kubectl: Kubectl
  readonly laptop: Laptop
  readonly forwardedPort: number
  readonly #options: Options
  readonly #cleanUp: CleanUp
  #isUp = false

  private constructor(options: Options, kubectl: Kubectl, forwardedPort: number, cleanUp: CleanUp) {
    this.#options = options
    this.#cleanUp = cleanUp
    this.kubectl = kubectl
    this.forwardedPort = forwardedPort
    this.laptop = cleanUp.use(
      new Laptop({
        kubeconfig: resolve(options.kubeconfig),
        agentImage: options.image,
        cli: resolve(options.cli),
        below: options.below,
      }),
    )
  }

  static async prepare(options: Options, cleanUp: CleanUp): Promise<Ground> {
    const kubectl = new Kubectl(options.kubeconfig, options.namespace ?? `bench-${randomBytes(3).toString('hex')}`)
    if (options.namespace === undefined) {
      await kubectl.run(['create', 'namespace', kubectl.namespace])
      cleanUp.defer(() => kubectl.run(['delete', 'namespace', kubectl.namespace, '--wait=false']))
    }
    cleanUp.defer(() => kubectl.run(['delete', 'deployment/web', '--ignore-not-found']))
    await kubectl.apply(workload(options.image))
    await kubectl.rolledOut('deployment/web')
    return new Ground(options, kubectl, await freePort(), cleanUp)
  }

  /** The synced folder; not there until somebody makes it. */
  get tree(): string {
    return `${this.laptop.root}/tree`
  }

  get target(): string[] {
    return ['-f', `${this.laptop.root}/dev.yml`]
  }

  /**
   * Dev mode anew: a pod, a folder and a memory of it that nothing was done with before, and this tree in step.
   */
  async begin(plan: TreePlan, { kubeconfig, hasForward = false }: BeginOptions = {}): Promise<void> {
    await this.#end()
    this.laptop.kubeconfig = kubeconfig ?? resolve(this.#options.kubeconfig)
    this.forget()
    writeTree(this.tree, plan)
    const dev = {
      container: 'app',
      image: this.#options.image,
      imagePullPolicy: 'IfNotPresent',
      command: ['sleep', '86400'],
      sync: [`./tree:${targets.ours}`],
      // `up --detach` waits for what a forward leads to, and in the other rows nobody is there
      ...(hasForward && { forward: [`${this.forwardedPort}:${serverPort}`] }),
    }
    this.laptop.folder('.', { 'dev.yml': { namespace: this.kubectl.namespace, dev: { web: dev } } })
    this.#isUp = true
    // after what it was given to reach the cluster by
    this.#cleanUp.defer(() => this.#end())
    await this.up()
  }

  /** A way to the cluster that is measured, and slow where that is asked for; it stands as long as the ground. */
  async link(speed?: LinkSpeed): Promise<Link> {
    const file = join(this.laptop.root, `link-${randomBytes(3).toString('hex')}.kubeconfig`)
    return this.#cleanUp.use(await Link.before(this.#options.kubeconfig, file, speed))
  }

  /** Throws away the folder, and what the laptop remembers of it. */
  forget(): void {
    for (const dir of [join(this.laptop.state, 'sync'), this.tree]) rmSync(dir, { recursive: true, force: true })
  }

  async up(...more: string[]): Promise<void> {
    await this.laptop.ok(['up', '--detach', ...more, ...this.target], { timeoutMs: 300_000 })
  }

  /** Ends the session on the laptop; the pod stays as it is. */
  async leave(): Promise<void> {
    for (const pid of this.laptop.processes()) process.kill(pid, 'SIGINT')
    await until('the session ended', () => this.laptop.processes().length === 0)
  }

  async podName(): Promise<string> {
    return await devPod(this.kubectl)
  }

  async handInPod(): Promise<Hand> {
    return this.#cleanUp.use(await Hand.inPod(this.kubectl, await this.podName(), 'app'))
  }

  async handOnLaptop(): Promise<Hand> {
    const hand = this.#cleanUp.use(Hand.onLaptop())
    await hand.call('ping')
    return hand
  }

  /** Empties a folder in the pod, private things of the engine included. */
  async empty(folder: string): Promise<void> {
    const script = `find ${folder} -mindepth 1 -delete`
    await this.kubectl.run(['exec', await this.podName(), '-c', 'app', '--', 'sh', '-c', script])
  }

  /** Another dev pod in the place of this one, with empty folders and an agent that knows nothing. */
  async renewPod(): Promise<void> {
    const old = await this.podName()
    await this.kubectl.run(['delete', 'pod', old])
    const runs = async () => {
      const name = await this.podName()
      const { status } = await this.kubectl.get('pod', name)
      return name !== old && status.containerStatuses?.every(({ ready }: { ready: boolean }) => ready)
    }
    await until('another dev pod runs', runs, { deadlineMs: 120_000 })
  }

  /** Everything that was written at either end is at the other one. */
  async flush(): Promise<void> {
    await this.laptop.ok(['flush', ...this.target], { timeoutMs: 300_000 })
  }

  /** What podswap's own processes on the laptop have used. */
  async usageOnLaptop(hand: Hand): Promise<Usage> {
    return await usageOf(hand, this.laptop.processes())
  }

  /** What podswap's own processes in the dev container have used. */
  async usageInPod(hand: Hand): Promise<Usage> {
    const processes = await hand.processes()
    const ours = processes.filter(({ argv: [program = ''] }) => program.startsWith('/podswap/'))
    return await usageOf(
      hand,
      ours.map(({ pid }) => pid),
    )
  }

  /** Waits until podswap has come to rest at both ends, and has stayed so. */
  async rested(inPod: Hand, { forSeconds = 1 } = {}): Promise<void> {
    await using onLaptop = await this.handOnLaptop()
    const used = async () => (await this.usageInPod(inPod)).cpuMs + (await this.usageOnLaptop(onLaptop)).cpuMs
    let before = await used()
    let idleSeconds = 0
    const isIdle = async () => {
      const now = await used()
      idleSeconds = now - before <= restingMsMax ? idleSeconds + 1 : 0
      before = now
      return idleSeconds >= forSeconds
    }
    await until('both ends rest', isIdle, { everyMs: 1_000, deadlineMs: 120_000 })
  }

  /** Dev mode off, if it is on. */
  async #end(): Promise<void> {
    if (!this.#isUp) return
    await this.laptop.ok(['down', ...this.target])
    this.#isUp = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp[Symbol.asyncDispose]()
  }
}

function workload(image: string): object {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'app',
              image,
              imagePullPolicy: 'IfNotPresent',
              command: ['sleep', '86400'],
              volumeMounts: [
                { name: 'ours', mountPath: targets.ours },
                { name: 'theirs', mountPath: targets.theirs },
              ],
            },
          ],
          volumes: ['ours', 'theirs'].map(name => ({ name, emptyDir: { medium: 'Memory' } })),
        },
      },
    },
  }
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { CleanUp } from './clean-up.ts'
import { Hand } from './hand.ts'
import { Laptop, type LaptopOptions } from './laptop.ts'
import { type NamespaceOptions, TestNamespace } from './namespace.ts'
import { handInDevPod } from './service-client.ts'
import { type Before, before } from './traces.ts'
import { deploy, type WorkloadOptions } from './workloads.ts'

export interface DevSessionOptions extends LaptopOptions, Pick<NamespaceOptions, 'hasLeases'> {
  purpose: string
  files?: Record<string, string | Buffer>
  workload?: WorkloadOptions
  /** Fields of the dev besides `sync`. */
  dev?: object
  namespaceLabels?: Record<string, string>
}

/** A namespace with a workload `web`, a laptop with a folder to develop it, and hands at both ends. */
export class DevSession implements AsyncDisposable {
  readonly namespace: TestNamespace
  readonly laptop: Laptop
  /** The synced folder on the laptop; in the pod it is /app. */
  readonly folder: string
  readonly manifest: string
  readonly was: Before
  readonly onLaptop: Hand
  readonly #cleanUp: CleanUp

  private constructor(cleanUp: CleanUp, namespace: TestNamespace, laptop: Laptop, was: Before) {
    this.#cleanUp = cleanUp
    this.namespace = namespace
    this.laptop = laptop
    this.folder = join(laptop.root, 'app')
    this.manifest = join(laptop.root, 'dev.yml')
    this.was = was
    this.onLaptop = cleanUp.use(Hand.onLaptop())
  }

  static async create(options: DevSessionOptions): Promise<DevSession> {
    const { purpose, namespaceLabels, hasLeases } = options
    const cleanUp = new CleanUp()
    const namespace = cleanUp.use(await TestNamespace.create(purpose, { labels: namespaceLabels, hasLeases }))
    const laptop = cleanUp.use(new Laptop(options))
    await deploy(namespace.admin, options.workload)
    const session = new DevSession(cleanUp, namespace, laptop, await before(namespace.admin))
    laptop.folder('app', options.files ?? { 'a.txt': 'a' })
    const dev = { command: ['sleep', '86400'], sync: ['./app:/app'], ...options.dev }
    laptop.folder('.', { 'dev.yml': { namespace: namespace.name, dev: { web: dev } } })
    return session
  }

  get target(): string[] {
    return ['-f', this.manifest]
  }

  /** Starts the session in the background and waits until it is ready. */
  async up(): Promise<void> {
    await this.laptop.ok(['up', '--detach', ...this.target])
  }

  async down(): Promise<void> {
    await this.laptop.ok(['down', ...this.target])
  }

  async flush(): Promise<void> {
    await this.laptop.ok(['flush', ...this.target])
  }

  /** Somebody at work in the pod as it is now. */
  async handInPod(container = 'app', withNode = true): Promise<Hand> {
    return this.#cleanUp.use(await handInDevPod(this.namespace.admin, container, withNode))
  }

  save(path: string, content: string | Buffer): void {
    writeFileSync(join(this.folder, path), content)
  }

  /** Both ends hold the same, byte for byte. */
  async expectSame(inPod: Hand, remote = '/app'): Promise<Record<string, string>> {
    const [here, there] = await Promise.all([this.onLaptop.tree(this.folder), inPod.tree(remote)])
    expect(there).toEqual(here)
    return here
  }

  defer(step: () => unknown): void {
    this.#cleanUp.defer(step)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp[Symbol.asyncDispose]()
  }
}

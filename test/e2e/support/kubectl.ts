import { type CommandOptions, type Finished, RunningCommand, runCommand } from './command.ts'
import { embeddedCluster } from './embedded-cluster.ts'

/** The parts of an object that tests look at. */
export interface SeenObject {
  kind: string
  metadata: {
    name: string
    uid: string
    resourceVersion: string
    labels?: Record<string, string>
    deletionTimestamp?: string
  }
  // biome-ignore lint/suspicious/noExplicitAny: an object of any kind, as the cluster gives it
  spec?: any
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  status?: any
}

/** kubectl with one person's kubeconfig, in one namespace. */
export class Kubectl {
  readonly kubeconfig: string
  readonly namespace: string

  constructor(kubeconfig: string, namespace: string) {
    this.kubeconfig = kubeconfig
    this.namespace = namespace
  }

  /** @returns stdout; fails with stderr on any exit code but 0 */
  async run(args: string[], options: CommandOptions = {}): Promise<string> {
    const done = await this.attempt(args, options)
    if (done.code !== 0) throw new Error(`kubectl ${args.join(' ').slice(0, 300)}: ${done.stderr || done.stdout}`)
    return done.stdout
  }

  async attempt(args: string[], options: CommandOptions = {}): Promise<Finished> {
    return await runCommand('kubectl', this.#args(args), { timeoutMs: 150_000, ...options })
  }

  start(args: string[]): RunningCommand {
    return new RunningCommand('kubectl', this.#args(args))
  }

  async apply(...objects: object[]): Promise<void> {
    const embedded = embeddedCluster()
    if (embedded) {
      embedded.apply(objects, this.namespace)
      return
    }
    await this.run(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }) })
  }

  async get(kind: string, name: string): Promise<SeenObject> {
    return JSON.parse(await this.run(['get', kind, name, '-o', 'json', '--show-managed-fields']))
  }

  async find(kind: string, name: string): Promise<SeenObject | undefined> {
    const text = await this.run(['get', kind, name, '-o', 'json', '--show-managed-fields', '--ignore-not-found'])
    return text === '' ? undefined : JSON.parse(text)
  }

  async list(kinds: string, selector?: string): Promise<SeenObject[]> {
    const only = selector ? ['-l', selector] : []
    return JSON.parse(await this.run(['get', kinds, '-o', 'json', '--show-managed-fields', ...only])).items
  }

  /** Waits until every replica runs the newest template and is Ready. */
  async rolledOut(workload: string, timeoutSeconds = 120): Promise<void> {
    await this.run(['rollout', 'status', workload, `--timeout=${timeoutSeconds}s`])
  }

  #args(args: string[]): string[] {
    return ['--kubeconfig', this.kubeconfig, '--namespace', this.namespace, ...args]
  }
}

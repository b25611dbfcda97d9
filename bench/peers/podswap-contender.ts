import type { CleanUp } from '../../test/e2e/support/clean-up.ts'
import { EmbeddedCluster, useEmbeddedCluster } from '../../test/e2e/support/embedded-cluster.ts'
import type { Hand } from '../../test/e2e/support/hand.ts'
import { emptyPlan, Ground, targets } from '../ground.ts'
import type { Options } from '../options.ts'
import type { Contender } from './contender.ts'

/** podswap with the embedded cluster, whose pods are processes of this machine: agent, connections and all. */
export class PodswapContender implements Contender {
  readonly name = 'podswap'
  readonly target = targets.ours
  readonly watches = true
  readonly #ground: Ground
  #hand: Hand | undefined

  private constructor(ground: Ground) {
    this.#ground = ground
  }

  static async prepare(
    options: Omit<Options, 'kubeconfig' | 'namespace'>,
    cleanUp: CleanUp,
  ): Promise<PodswapContender> {
    // the pods' folders lie there: in memory, like everybody else's
    process.env.TMPDIR = options.below
    const cluster = cleanUp.use(await EmbeddedCluster.start())
    useEmbeddedCluster(cluster)
    const where = { kubeconfig: cluster.kubeconfig('admin'), namespace: cluster.takeNamespace(true) }
    return new PodswapContender(await Ground.prepare({ ...options, ...where }, cleanUp))
  }

  get tree(): string {
    return this.#ground.tree
  }

  get hand(): Hand {
    if (!this.#hand) throw new Error('podswap was not reset yet')
    return this.#hand
  }

  async reset(): Promise<void> {
    await this.#ground.begin(emptyPlan)
    await this.#ground.leave()
    this.#ground.forget()
    await this.#hand?.[Symbol.asyncDispose]()
    this.#hand = await this.#ground.handInPod()
  }

  async start(): Promise<void> {
    await this.#ground.up()
  }

  async bring(): Promise<void> {
    await this.#ground.flush()
  }

  async restart(): Promise<void> {
    await this.#ground.leave()
    await this.#ground.up()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hand?.[Symbol.asyncDispose]()
  }
}

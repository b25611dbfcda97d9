import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { ApiProxy } from '../../test/e2e/support/api-proxy.ts'
import type { CleanUp } from '../../test/e2e/support/clean-up.ts'
import { Kubectl } from '../../test/e2e/support/kubectl.ts'
import { Laptop } from '../../test/e2e/support/laptop.ts'
import { deploy } from '../../test/e2e/support/workloads.ts'
import type { CostOptions } from './options.ts'

/** A workload `web`, and a laptop whose calls go through a proxy that counts them. */
export interface CostGround {
  kubectl: Kubectl
  laptop: Laptop
  proxy: ApiProxy
  /** Names the dev in the CLI's arguments. */
  target: string[]
  /** Writes the manifest anew with more fields of the dev. */
  configure(dev: object): void
}

const files = 200

export async function prepareGround(options: CostOptions, cleanUp: CleanUp): Promise<CostGround> {
  const kubectl = new Kubectl(options.kubeconfig, options.namespace ?? `cost-${randomBytes(3).toString('hex')}`)
  if (options.namespace === undefined) {
    await kubectl.run(['create', 'namespace', kubectl.namespace])
    cleanUp.defer(() => kubectl.run(['delete', 'namespace', kubectl.namespace, '--wait=false']))
    // pods are refused until the namespace has its service account
    await kubectl.run(['wait', '--for=create', 'serviceaccount/default', '--timeout=30s'])
  }
  cleanUp.defer(() => kubectl.run(['delete', 'deployment/web', 'service/web', '--ignore-not-found']))
  const { image } = options
  await deploy(kubectl, { container: { image } })
  const laptop = cleanUp.use(
    new Laptop({ kubeconfig: resolve(options.kubeconfig), agentImage: image, cli: resolve(options.cli) }),
  )
  const kubeconfig = join(laptop.root, 'counted.kubeconfig')
  const proxy = cleanUp.use(await ApiProxy.before(laptop.kubeconfig, kubeconfig))
  laptop.kubeconfig = kubeconfig
  const content = 'x'.repeat(4_000)
  laptop.folder('app', Object.fromEntries(Array.from({ length: files }, (_, n) => [`f${n}.txt`, `${n} ${content}`])))
  const target = ['-f', `${laptop.root}/dev.yml`]
  const configure = (dev: object) => {
    const web = { image, imagePullPolicy: 'IfNotPresent', sync: ['./app:/app'], ...dev }
    laptop.folder('.', { 'dev.yml': { namespace: kubectl.namespace, dev: { web } } })
  }
  cleanUp.defer(() => laptop.podswap(['down', '--volumes', ...target]))
  return { kubectl, laptop, proxy, target, configure }
}

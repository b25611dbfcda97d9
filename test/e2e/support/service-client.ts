import { Hand } from './hand.ts'
import type { Kubectl } from './kubectl.ts'

/** Prints the body of an answer from its argument. */
const ask = `
fetch(process.argv[1], { signal: AbortSignal.timeout(3_000) }).then(async answer => {
  const body = await answer.text()
  if (!answer.ok) throw new Error(answer.status + ' ' + body)
  process.stdout.write(body)
})`

/** Another pod of the namespace, from which Services are asked as any workload would. */
export class ServiceClient implements AsyncDisposable {
  readonly #kubectl: Kubectl
  readonly #name: string

  private constructor(kubectl: Kubectl, name: string) {
    this.#kubectl = kubectl
    this.#name = name
  }

  static async start(kubectl: Kubectl, name = 'e2e-client'): Promise<ServiceClient> {
    await kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        terminationGracePeriodSeconds: 0,
        securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: 'client',
            image: 'podswap.test/node:1',
            imagePullPolicy: 'IfNotPresent',
            command: ['sleep', '86400'],
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    })
    await kubectl.run(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s'])
    return new ServiceClient(kubectl, name)
  }

  /** Body of the answer; fails where nothing or an error answers within 3 seconds. */
  async get(url: string): Promise<string> {
    return await this.#kubectl.run(['exec', this.#name, '--', 'node', '-e', ask, url])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kubectl.run(['delete', 'pod', this.#name, '--ignore-not-found', '--wait=true'])
  }
}

/** Somebody at work in the dev container of a swapped workload. */
export async function handInDevPod(
  kubectl: Kubectl,
  container = 'app',
  withNode = true,
  workload = 'web',
): Promise<Hand> {
  const pod = await devPod(kubectl, workload)
  return await Hand.inPod(kubectl, pod, container, withNode)
}

/** Name of the one running, not terminating pod of `<workload>-podswap`. */
export async function devPod(kubectl: Kubectl, workload = 'web'): Promise<string> {
  const pods = await kubectl.list('pods')
  const running = pods.filter(
    pod =>
      pod.metadata.name.startsWith(`${workload}-podswap-`) &&
      !pod.metadata.deletionTimestamp &&
      pod.status.phase === 'Running',
  )
  if (running.length !== 1) throw new Error(`${running.length} running pods of ${workload}-podswap`)
  return running[0]!.metadata.name
}

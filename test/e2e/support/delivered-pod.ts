import { vi } from 'vitest'
import { agentPartName, agentParts, type KubeSecurityContext } from '../../../src/agent/pod-parts.ts'
import { nodeCommand, podLayout } from '../../../syncer/base/pod-layout.ts'
import type { RealNamespace } from '../../cluster/real-namespace.ts'

export interface DeliveredPodOptions {
  name: string
  image: string
  agentImage: string
  startScript: string
  containerSecurity?: KubeSecurityContext
  podSecurity?: KubeSecurityContext
  env?: { name: string; value: string }[]
  pod?: object
}

/** A bare pod whose only container, `app`, has the agent's parts, as `up` gives them to a clone. */
export class DeliveredPod {
  readonly name: string
  readonly where: { pod: string; container: string }
  readonly #namespace: RealNamespace

  private constructor(namespace: RealNamespace, name: string) {
    this.#namespace = namespace
    this.name = name
    this.where = { pod: name, container: 'app' }
  }

  /** Resolves when the dev container runs. */
  static async create(namespace: RealNamespace, options: DeliveredPodOptions): Promise<DeliveredPod> {
    const parts = agentParts({
      image: options.agentImage,
      startScript: options.startScript,
      containerSecurityContext: options.containerSecurity,
      podSecurityContext: options.podSecurity,
    })
    const container = {
      name: 'app',
      image: options.image,
      command: parts.command,
      env: options.env,
      securityContext: options.containerSecurity,
      volumeMounts: [parts.volumeMount],
    }
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: options.name },
      spec: {
        securityContext: options.podSecurity,
        initContainers: [parts.initContainer],
        containers: [container],
        volumes: [parts.volume],
        ...options.pod,
      },
    }
    const delivered = new DeliveredPod(namespace, options.name)
    await namespace.apply(JSON.stringify(pod))
    await vi.waitFor(
      async () => {
        const state = (await delivered.status()).containerStatuses[0].state
        if (!state.running) throw new Error(`${options.name} does not run: ${JSON.stringify(state)}`)
      },
      { timeout: 60_000, interval: 200 },
    )
    return delivered
  }

  // biome-ignore lint/suspicious/noExplicitAny: a pod's status as the cluster gives it
  async status(): Promise<any> {
    return JSON.parse(await this.#namespace.kubectl(['get', 'pod', this.name, '-o', 'json'])).status
  }

  /** How long the init container took, by its own clock. */
  async deliverySeconds(): Promise<number> {
    const { initContainerStatuses } = await this.status()
    // biome-ignore lint/suspicious/noExplicitAny: likewise
    const { terminated } = initContainerStatuses.find((each: any) => each.name === agentPartName).state
    return (Date.parse(terminated.finishedAt) - Date.parse(terminated.startedAt)) / 1000
  }

  log(): Promise<string> {
    return this.#namespace.kubectl(['logs', this.name, '-c', 'app'])
  }

  /** Runs a script with the delivered Node, in the container; its stdout. */
  script(source: string): Promise<string> {
    const [init, ...rest] = nodeCommand('-e', source)
    return this.#namespace.kubectl(['exec', this.name, '-c', 'app', '--', init!, ...rest])
  }

  /** Deletes the pod; answers the milliseconds until its object was gone. */
  async delete(): Promise<number> {
    const begun = performance.now()
    await this.#namespace.kubectl(['delete', 'pod', this.name, '--wait=true'])
    return performance.now() - begun
  }

  /** Leaves ten orphans in the container, waits until they have ended, and answers who is a zombie then. */
  async zombiesOfOrphans(): Promise<string[]> {
    return JSON.parse(await this.script(orphanScript))
  }
}

const { loader, libraries, node } = podLayout
const orphanScript = `
const fs = require('node:fs')
const { spawn, spawnSync } = require('node:child_process')
const run = script => [${JSON.stringify(loader)}, ['--library-path', ${JSON.stringify(libraries)}, ${JSON.stringify(node)}, '-e', script]]
const leave = 'const { spawn } = require("node:child_process"); for (let i = 0; i < 10; i++) { const child = spawn(${JSON.stringify(loader)}, ["--library-path", ${JSON.stringify(libraries)}, ${JSON.stringify(node)}, "-e", "setTimeout(() => {}, 1000)"], { stdio: "ignore", detached: true }); console.log(child.pid); child.unref() }'
const states = () => fs.readdirSync('/proc').filter(name => /^[0-9]+$/.test(name)).flatMap(name => {
  try {
    const stat = fs.readFileSync('/proc/' + name + '/stat', 'latin1')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return [{ pid: +name, state, parent: +parent }]
  } catch { return [] }
})
const [file, args] = run(leave)
const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' })
const pids = stdout.trim().split('\\n').map(Number)
if (pids.length !== 10 || stderr) throw new Error(stdout + stderr)
const begun = states().filter(({ pid }) => pids.includes(pid))
if (begun.length !== 10 || begun.some(({ parent }) => parent !== 1)) throw new Error(JSON.stringify(begun))
let looks = 0
const look = setInterval(() => {
  const left = states().filter(({ pid }) => pids.includes(pid))
  // one that ended this instant is a zombie until it is reaped
  if (left.length > 0 && (looks++ < 100 || left.some(({ state }) => state !== 'Z'))) return
  clearInterval(look)
  console.log(JSON.stringify(states().filter(({ state }) => state === 'Z').map(each => JSON.stringify(each))))
}, 50)
`

import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildStartScript } from '../../scripts/pod-programs.mjs'
import { attachAgent } from '../../src/agent/attach.ts'
import type { KubeSecurityContext } from '../../src/agent/pod-parts.ts'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { openLocalForward } from '../../src/forward/local-forward.ts'
import { AgentClient } from '../../syncer/wire/client.ts'
import { Mux } from '../../syncer/wire/mux.ts'
import type { RemoteProcess } from '../../syncer/wire/remote-process.ts'
import { RealNamespace, realCluster } from '../cluster/real-namespace.ts'
import { type Bundle, buildAgent } from '../syncer/agent/running-agent.ts'
import { DeliveredPod } from './support/delivered-pod.ts'

const real = realCluster()
const agentImage = process.env.PODSWAP_AGENT_IMAGE ?? 'podswap.test/node:1'
const soon = () => AbortSignal.timeout(30_000)

const containerSecurity: KubeSecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}
const podSecurity: KubeSecurityContext = {
  runAsNonRoot: true,
  runAsUser: 1000,
  seccompProfile: { type: 'RuntimeDefault' },
}

describe.skipIf(!real)('the agent in a pod that may do nothing', () => {
  let namespace: RealNamespace
  let cluster: Cluster
  let bundle: Bundle
  let startScript: string

  beforeAll(async () => {
    bundle = await buildAgent()
    startScript = await buildStartScript()
    const labels = ['pod-security.kubernetes.io/enforce=restricted']
    namespace = await RealNamespace.make(real!, 'agent-services', labels)
    await namespace.kubectl(['wait', '--for=create', 'serviceaccount/default', '--timeout=30s'])
    cluster = await namespace.connect()
  })
  afterAll(() => namespace.dispose())

  const deliver = (image: string, env?: { name: string; value: string }[]) =>
    DeliveredPod.create(namespace, {
      name: image,
      image: `podswap.test/${image}:1`,
      agentImage,
      startScript,
      containerSecurity,
      podSecurity,
      env,
    })

  async function attach(pod: DeliveredPod): Promise<{ mux: Mux; client: AgentClient }> {
    const options = { bundle: bundle.content, hello: { lane: 'control' }, signal: soon() }
    const { io } = await attachAgent(cluster, pod.where, options)
    const mux = new Mux({ carrier: io, side: 'laptop' })
    return { mux, client: new AgentClient(mux) }
  }

  it('has the pipes, and serves commands and terminals: busybox', async () => {
    const pod = await deliver('busybox', [{ name: 'NODE_OPTIONS', value: '--inspect' }])
    const { mux, client } = await attach(pod)
    expect(await client.call({ method: 'agent-state' }, soon())).toMatchObject({ bundle: bundle.sha256, uid: 1000 })
    const log = await pod.script("console.log(require('fs').readFileSync('/podswap/agent/agent.log', 'utf8'))")
    expect(log).toContain('its own pipes')

    const exec = (script: string) => client.exec({ argv: ['sh', '-c', script] })
    expect(await outcome(exec('echo "$NODE_OPTIONS"; echo err >&2; exit 7'))).toEqual({
      code: 7,
      stdout: '--inspect\n',
      stderr: 'err\n',
    })
    expect((await outcome(exec('echo named > /dev/stderr'))).stderr).toBe('named\n')
    const count = client.exec({ argv: ['wc', '-c'] })
    count.stdin.end(Buffer.alloc(20_000_000))
    expect((await outcome(count)).stdout.trim()).toBe('20000000')
    expect((await outcome(exec('head -c 20000000 /dev/zero'))).stdout.length).toBe(20_000_000)
    const terminal = { columns: 91, rows: 33, term: 'xterm' }
    const size = client.exec({ argv: ['sh', '-c', 'stty size; exit 3'], terminal })
    expect(await outcome(size)).toMatchObject({ code: 3, stdout: '33 91\r\n' })

    // the agent dies, the dev command does not
    const argv = ['sh', '-c', 'echo one; read x; echo two; exit 4']
    const started = await client.call({ method: 'start-command', argv, env: {}, columns: 80, rows: 24 }, soon())
    expect(started).toMatchObject({ started: true, state: 'running' })
    const { pid } = await client.call({ method: 'agent-state' }, soon())
    await exec(`kill -9 ${pid}`).exit.catch(() => {})
    expect((await mux.closed).code).toBe('lost')
    const second = await attach(pod)
    expect(await second.client.call({ method: 'command-state' }, soon())).toMatchObject({
      state: 'running',
      pid: started.pid,
    })
    const viewer = second.client.terminal({ columns: 80, rows: 24 })
    viewer.stdin.write('\r')
    const shown = await outcome(viewer)
    expect(shown.code).toBe(4)
    expect(shown.stdout).toMatch(/one.*two/s)
    await second.mux.close()
  })

  it('ends what belonged to a connection when that is cut', async () => {
    const pod = await deliver('node')
    const { mux, client } = await attach(pod)
    const child = client.exec({ argv: ['sh', '-c', 'echo $$; exec sleep 1000'] })
    const pid = Number(await new Promise(resolve => child.stdout.once('data', resolve)))
    const { carrier } = mux as unknown as { carrier: Duplex }
    carrier.destroy()
    const second = await attach(pod)
    await expect
      .poll(async () => (await outcome(second.client.exec({ argv: ['kill', '-0', `${pid}`] }))).code)
      .not.toBe(0)
    await second.mux.close()
  })

  it('runs and reaches a web server where the image has nothing else: static', async () => {
    const pod = await deliver('static')
    const { mux, client } = await attach(pod)
    const [image] = JSON.parse(await namespace.kubectl(['get', 'pod', 'static', '-o', 'json'])).status.containerStatuses
    expect(image.ready).toBe(true)
    await client.call({ method: 'start-command', argv: ['/server'], env: {}, columns: 80, rows: 24 }, soon())
    const forward = await openLocalForward({
      forward: { localPort: 0, remotePort: 8080, at: { file: '', line: 1, column: 1 } },
      interface: 'localhost',
      dial: signal => client.dialTcp('localhost', 8080, signal),
    })
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => (await fetch(`http://localhost:${forward.port}/`)).status),
    )
    expect(new Set(answers)).toEqual(new Set([200]))
    const probe = { method: 'probe-tcp', timeoutMs: 3_000 } as const
    expect(await client.call({ ...probe, host: 'localhost', port: 8080 }, soon())).toMatchObject({ ok: true })
    expect(await client.call({ ...probe, host: 'localhost', port: 8081 }, soon())).toEqual({
      ok: false,
      error: 'ECONNREFUSED',
    })
    // the cluster's names resolve, though the image has no libc
    expect(await client.call({ ...probe, host: 'kubernetes.default.svc', port: 443 }, soon())).toMatchObject({
      ok: true,
    })
    expect((await outcome(client.exec({ argv: ['sh'] }))).code).toBe(127)
    await forward.close()
    await mux.close()
  })
})

async function outcome(process: RemoteProcess): Promise<{ code: number; stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].on('data', chunk => {
      text[name] += chunk
    })
  }
  const { code } = await process.exit
  await Promise.all(
    [process.stdout, process.stderr].map(
      stream => stream.readableEnded || new Promise(resolve => stream.once('end', resolve)),
    ),
  )
  return { code, ...text }
}

import { createHash, randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildStartScript } from '../../scripts/pod-programs.mjs'
import { attachAgent } from '../../src/agent/attach.ts'
import { agentParts, type KubeSecurityContext } from '../../src/agent/pod-parts.ts'
import type { Cluster, ExecStream } from '../../src/cluster/cluster.ts'
import { podLayout } from '../../syncer/base/pod-layout.ts'
import { RealNamespace, realCluster } from '../cluster/real-namespace.ts'
import { type Bundle, fakeAgent } from '../syncer/pod/fake-agent.ts'
import { DeliveredPod, type DeliveredPodOptions } from './support/delivered-pod.ts'

const real = realCluster()
const agentImage = process.env.PODSWAP_AGENT_IMAGE ?? 'podswap.test/node:1'
const never = new AbortController().signal

/** What an image may set against us: either would end or hijack a Node that heeds it. */
const hostile = [
  { name: 'NODE_OPTIONS', value: '--inspect=0.0.0.0:9229 --require /no/such/module' },
  { name: 'LD_PRELOAD', value: '/some/foreign.so' },
  { name: 'LD_LIBRARY_PATH', value: '/no/such/folder' },
]
const restrictedContainer: KubeSecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}
const restrictedPod: KubeSecurityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } }

interface Case {
  title: string
  image: string
  namespace: 'restricted' | 'plain'
  options: Partial<DeliveredPodOptions>
}
const cases: Case[] = [
  { title: 'node as root', image: 'node', namespace: 'plain', options: { env: hostile } },
  {
    title: 'busybox as 1000, no capability, restricted',
    image: 'busybox',
    namespace: 'restricted',
    options: {
      env: hostile,
      podSecurity: { ...restrictedPod, runAsUser: 1000 },
      containerSecurity: restrictedContainer,
    },
  },
  {
    title: 'static as 12345 with a group of files, restricted',
    image: 'static',
    namespace: 'restricted',
    options: {
      env: hostile,
      podSecurity: { ...restrictedPod, fsGroup: 2000 },
      containerSecurity: { ...restrictedContainer, runAsUser: 12345 },
    },
  },
]

describe.skipIf(!real)('agent delivery', () => {
  const namespaces: Record<'plain' | 'restricted', RealNamespace> = {} as never
  const clusters: Record<'plain' | 'restricted', Cluster> = {} as never
  let startScript: string

  beforeAll(async () => {
    startScript = await buildStartScript()
    namespaces.plain = await RealNamespace.make(real!, 'agent')
    namespaces.restricted = await RealNamespace.make(real!, 'agent-restricted', [
      'pod-security.kubernetes.io/enforce=restricted',
    ])
    for (const name of ['plain', 'restricted'] as const) {
      await namespaces[name].kubectl(['wait', '--for=create', 'serviceaccount/default', '--timeout=30s'])
      clusters[name] = await namespaces[name].connect()
    }
  })
  afterAll(async () => {
    for (const namespace of Object.values(namespaces)) await namespace.dispose()
  })

  const deliver = (
    namespace: 'plain' | 'restricted',
    name: string,
    image: string,
    more: Partial<DeliveredPodOptions>,
  ) =>
    DeliveredPod.create(namespaces[namespace], {
      name,
      image: `podswap.test/${image}:1`,
      agentImage,
      startScript,
      ...more,
    })

  async function attach(cluster: Cluster, pod: DeliveredPod, bundle: Bundle): Promise<Attached> {
    const begun = performance.now()
    const stream = await attachAgent(cluster, pod.where, {
      bundle: bundle.content,
      hello: bundle.sha256,
      signal: never,
    })
    const readyMs = performance.now() - begun
    return { stream, readyMs, greeting: JSON.parse(await readLineOf(stream.io)) }
  }
  interface Attached {
    stream: ExecStream
    readyMs: number
    greeting: { version: string; pid: number; hello: string }
  }

  describe.each(cases)('$title', ({ image, namespace, options }) => {
    const one = fakeAgent({ version: 'one', padding: 700_000 })
    let pod: DeliveredPod
    let cluster: Cluster

    beforeAll(async () => {
      cluster = clusters[namespace]
      pod = await deliver(namespace, `${image}-dev`, image, options)
    })

    test('the bundle comes in, the agent has the pipes, and bytes go both ways', async () => {
      const { stream, greeting, readyMs } = await attach(cluster, pod, one)
      expect(greeting).toMatchObject({ version: 'one', hello: one.sha256 })
      const sent = randomBytes(4 * 1024 * 1024)
      stream.io.write(sent)
      const back = await take(stream.io, sent.length)
      expect(createHash('sha256').update(back).digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'))
      stream.io.end()
      stream.io.resume()
      expect(await stream.exit).toEqual({ code: 0 })
      expect(stream.stderr()).toBe('')
      console.info(`${image}: init container ${await pod.deliverySeconds()} s, first READY ${readyMs.toFixed(0)} ms`)
    })

    test('the next attachment finds it there', async () => {
      const times: number[] = []
      for (let index = 0; index < 10; index++) {
        const { stream, greeting, readyMs } = await attach(cluster, pod, one)
        expect(greeting.version).toBe('one')
        times.push(readyMs)
        stream.io.destroy()
      }
      times.sort((a, b) => a - b)
      console.info(
        `${image}: READY with the bundle present: median ${times[5]!.toFixed(0)} ms, ${times.map(Math.round)}`,
      )
    })

    test('no zombie stays of ten orphans', async () => {
      expect(await pod.zombiesOfOrphans()).toEqual([])
    })

    test('the agent is started again when it is killed, and the container goes on', async () => {
      const { stream, greeting } = await attach(cluster, pod, one)
      await pod.script(`process.kill(${greeting.pid}, 'SIGKILL')`)
      stream.io.resume()
      expect(await stream.exit).toEqual({ code: 0 })
      const again = await attach(cluster, pod, one)
      expect(again.greeting.pid).not.toBe(greeting.pid)
      again.stream.io.destroy()
      expect((await pod.status()).containerStatuses[0].restartCount).toBe(0)
    })

    test('case 75: another version takes over', async () => {
      const old = await attach(cluster, pod, one)
      const fresh = await attach(cluster, pod, fakeAgent({ version: 'two' }))
      expect(fresh.greeting.version).toBe('two')
      old.stream.io.resume()
      expect(await old.stream.exit).toEqual({ code: 0 })
      fresh.stream.io.destroy()
    })

    test('a program has a terminal', async () => {
      expect(await pod.script(terminalScript)).toBe(
        'true 100 30\r\nenvironment as given: --inspect=0.0.0.0:9229\r\n0\n',
      )
    })

    test('ends at once with 143 when it is told to, and is gone at once when it is deleted', async () => {
      // it is told as well, and ends with it
      const said = await pod.script(`process.kill(1, 'SIGTERM')`).catch(String)
      const exitCode = async () => (await pod.status()).containerStatuses[0].lastState.terminated?.exitCode
      await vi.waitFor(async () => expect(await exitCode(), said).toBe(143), { timeout: 30_000, interval: 200 })
      // the emptyDir is as it was: the agent comes back by itself
      const { stream, greeting } = await attach(cluster, pod, fakeAgent({ version: 'two' }))
      expect(greeting.version).toBe('two')
      stream.io.destroy()
      const goneMs = await pod.delete()
      console.info(`${image}: gone ${goneMs.toFixed(0)} ms after its deletion`)
      expect(goneMs).toBeLessThan(8_000)
    })
  })

  test('where the pod shares its process namespace', async () => {
    const pod = await deliver('plain', 'shared', 'busybox', { pod: { shareProcessNamespace: true } })
    const { stream, greeting } = await attach(clusters.plain, pod, fakeAgent({ version: 'one' }))
    expect(greeting.version).toBe('one')
    expect(await pod.script("console.log(require('node:fs').readFileSync('/proc/1/cmdline', 'latin1'))")).not.toContain(
      'podswap',
    )
    stream.io.destroy()
    expect(await pod.delete()).toBeLessThan(8_000)
  })

  test('a pod without the agent: says what is missing', async () => {
    await namespaces.plain.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'bare' },
        spec: { containers: [{ name: 'app', image: 'podswap.test/busybox:1', command: ['sleep', '1000'] }] },
      }),
    )
    await namespaces.plain.kubectl(['wait', '--for=condition=Ready', 'pod/bare', '--timeout=60s'])
    const where = { pod: 'bare', container: 'app' }
    const attaching = attachAgent(clusters.plain, where, { bundle: Buffer.from('x'), hello: null, signal: never })
    const error = await attaching.catch(cause => cause)
    expect(error).toMatchObject({ code: 'agent', hint: expect.stringContaining('init container') })
    expect(error.message).toContain('/podswap/init')
  })

  test('an agent image whose Node is not there or too old: the init container says why', async () => {
    const broken = startScript.replace(
      '"use strict";',
      '"use strict";Object.defineProperty(process.versions,"node",{value:"18.1.0"});',
    )
    const parts = agentParts({ image: agentImage, startScript: broken })
    await namespaces.plain.apply(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'old-node' },
        spec: {
          restartPolicy: 'Never',
          initContainers: [parts.initContainer],
          containers: [{ name: 'app', image: 'podswap.test/busybox:1', command: parts.command }],
          volumes: [parts.volume],
        },
      }),
    )
    const read = async () =>
      JSON.parse(await namespaces.plain.kubectl(['get', 'pod', 'old-node', '-o', 'json'])).status
        .initContainerStatuses?.[0].state.terminated
    await vi.waitFor(async () => expect(await read()).toBeTruthy(), { timeout: 30_000, interval: 200 })
    expect(await read()).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/^podswap: cannot prepare the agent: .*Node 18\.1\.0, it needs 20\.19 or newer/),
    })
  })
})

async function readLineOf(io: Duplex): Promise<string> {
  let line = ''
  for (;;) {
    const byte = await take(io, 1)
    if (byte[0] === 0x0a) return line
    line += byte.toString('latin1')
  }
}

function take(io: Duplex, size: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    const settle = (outcome: () => void) => {
      io.off('readable', read).off('end', ended).off('error', reject)
      outcome()
    }
    const ended = () => settle(() => reject(new Error(`the stream ended after ${length} of ${size} bytes`)))
    const read = () => {
      while (length < size) {
        const chunk: Buffer | null = io.read(Math.min(size - length, io.readableLength) || 1)
        if (chunk === null) return
        chunks.push(chunk)
        length += chunk.length
      }
      settle(() => resolve(Buffer.concat(chunks)))
    }
    io.on('readable', read).on('end', ended).on('error', reject)
    read()
  })
}

const { home, init, loader, libraries, node } = podLayout
/** Runs a program on a terminal that `init pty` holds, as the agent does; prints what it printed and its exit code. */
const terminalScript = `
const fs = require('node:fs')
const { spawn } = require('node:child_process')
const path = '${home}/agent/t.sock'
const program = 'console.log(process.stdout.isTTY, process.stdout.columns, process.stdout.rows); console.log("environment as given:", process.env.GIVEN)'
const given = fs.readFileSync('/proc/1/environ', 'utf8').split('\\0').find(each => each.startsWith('NODE_OPTIONS=')).slice(13).split(' ')[0]
spawn('${init}', ['pty', path, '100x30', '${loader}', '--library-path', '${libraries}', '${node}', '-e', program], { stdio: 'inherit', detached: true, env: { GIVEN: given } })
const look = setInterval(() => {
  if (!fs.existsSync(path)) return
  clearInterval(look)
  require('node:net').connect(path).on('data', bytes => process.stdout.write(bytes)).on('close', () => console.log(fs.readFileSync(path + '.exit', 'latin1')))
}, 10)
`

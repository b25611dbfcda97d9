import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { freePorts } from './support/ports.ts'
import { expectRestored } from './support/traces.ts'
import { eventually, until } from './support/until.ts'
import { deploy } from './support/workloads.ts'

/** `forward` to other workloads of the namespace, and `reverse` back to the laptop. */
describe('forwards', () => {
  let session: DevSession
  let byName: number
  let byLabels: number
  let byPods: number
  const program = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    let said = ''
    socket.on('data', data => {
      said += data
    })
    socket.on('end', () => socket.end(`laptop: ${said.length} ${said.slice(0, 20)}`))
  })
  const debugPort = 29_003

  beforeAll(async () => {
    ;[byName = 0, byLabels = 0, byPods = 0] = await freePorts(3)
    program.listen(0, '127.0.0.1')
    await once(program, 'listening')
    const { port } = program.address() as AddressInfo
    session = await DevSession.create({
      purpose: 'forwards',
      dev: {
        forward: [
          `${byName}:cache:8080`,
          { localPort: byLabels, remotePort: 80, labels: { role: 'database' } },
          { localPort: byPods, remotePort: 8080, labels: { app: 'cache' } },
        ],
        reverse: [`${debugPort}:${port}`],
      },
    })
    const { admin } = session.namespace
    await deploy(admin, { name: 'db' })
    await deploy(admin, { name: 'cache' })
    // only its pods are left to be found
    await admin.run(['delete', 'service', 'cache'])
    await admin.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'front', labels: { role: 'database' } },
      spec: { selector: { app: 'db' }, ports: [{ port: 80, targetPort: 8080 }] },
    })
    await session.up()
  })
  afterAll(async () => {
    await session?.[Symbol.asyncDispose]()
    program.close()
  })

  const ask = async (port: number) => (await fetch(`http://localhost:${port}/`)).text()
  const answers = (port: number, name: string) =>
    eventually(async () => expect(await ask(port)).toMatch(new RegExp(`^original ${name}-`)), { deadlineMs: 60_000 })

  it('lead to a Service by its labels, and to a workload that has none by its name and by its pods’ labels', async () => {
    await answers(byLabels, 'db')
    await answers(byName, 'cache')
    await answers(byPods, 'cache')
    const [status] = await session.laptop.devs(session.target)
    expect(status!.forwards.map(({ remote, state }) => `${remote} ${state}`)).toEqual([
      'cache:8080 ready',
      'role=database:80 ready',
      'app=cache:8080 ready',
      `localhost:${debugPort} ready`,
    ])
  })

  it('find the pod that takes the place of another', async () => {
    const { admin } = session.namespace
    const [before] = await admin.list('pod', 'app=cache')
    await admin.run(['delete', 'pod', before!.metadata.name, '--wait=false'])
    await until('the pod is gone', async () => {
      const pods = await admin.list('pod', 'app=cache')
      return pods.every(({ metadata }) => metadata.uid !== before!.metadata.uid)
    })
    await answers(byName, 'cache')
    await answers(byPods, 'cache')
  })

  it('lead from the pod to the laptop, before and after the connection is made anew', async () => {
    const script = `
      const socket = require('node:net').connect({ port: ${debugPort}, host: 'localhost' })
      socket.on('data', data => process.stdout.write(data)).on('error', error => process.stdout.write(error.code))
      socket.end('x'.repeat(3_000_000))`
    const run = async () => {
      const { stdout } = await session.laptop.ok(['exec', '-T', ...session.target, '--', 'node', '-e', script])
      return stdout
    }
    const expected = `laptop: 3000000 ${'x'.repeat(20)}`
    expect(await run()).toBe(expected)
    for (const pid of session.laptop.processes()) process.kill(pid, 'SIGKILL')
    await session.up()
    expect(await run()).toBe(expected)
    const { stdout } = await session.laptop.ok(['status', ...session.target])
    expect(stdout).toMatch(new RegExp(`reverse +localhost:${debugPort} → localhost:\\d+: ready`))
  })

  it('leave nothing behind', async () => {
    await session.down()
    await expectRestored(session.namespace.admin, session.was)
  })
})

import { once } from 'node:events'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readKubeAccess } from '../../../../src/cluster/kubeconfig.ts'
import { Sandbox } from '../../../../src/sandbox/sandbox.ts'
import { SandboxWorld } from '../sandbox-world.ts'
import { ScriptedRuntime } from '../scripted-runtime.ts'

describe('the API server of the sandbox', () => {
  let world: SandboxWorld
  beforeAll(async () => {
    world = await SandboxWorld.make({
      warn: (type, { metadata }) => (metadata.name === 'odd' ? [`${type.kind} is "odd"`] : []),
    })
  })
  afterAll(() => world?.close())

  const post = (body: object) => world.request('admin', 'POST', '/api/v1/namespaces/team/configmaps', body)

  it('takes no body that is too long', async () => {
    const big = { metadata: { name: 'big' }, data: { a: 'x'.repeat(4 * 1024 * 1024) } }
    const answer = await post(big).catch(error => error)
    // the rest of the body is not read: the client may see the answer or the cut
    if (answer instanceof Error) expect(answer).toMatchObject({ code: expect.stringMatching(/EPIPE|ECONNRESET/) })
    else expect(answer).toMatchObject({ status: 413, body: { reason: 'RequestEntityTooLarge' } })
    expect(await world.request('admin', 'GET', '/api/v1/namespaces/team/configmaps/big')).toMatchObject({ status: 404 })
  })

  it.each([
    [{ metadata: 1 }, 'metadata is no JSON object'],
    [{ metadata: { name: 'x', labels: ['a'] } }, 'labels is no JSON object'],
    [[], 'it is no JSON object'],
  ])('refuses %j', async (body, why) => {
    expect(await post(body)).toMatchObject({ status: 400, body: { message: expect.stringContaining(why) } })
  })

  it('refuses a pod whose parts are of other types than they should be', async () => {
    for (const spec of [
      { containers: 'none' },
      { containers: [null] },
      { containers: [{ name: 'a', image: 'b', env: 3 }] },
    ]) {
      const answer = await world.request('admin', 'POST', '/api/v1/namespaces/team/pods', {
        metadata: { name: 'x' },
        spec,
      })
      expect([400, 422]).toContain(answer.status)
    }
  })

  it('warns where it is told to', async () => {
    const cluster = await world.connect('admin')
    const lease = (name: string) => ({ metadata: { name }, spec: {} })
    expect((await cluster.create('Lease', lease('odd'))).warnings).toEqual(['Lease is "odd"'])
    expect((await cluster.create('Lease', lease('even'))).warnings).toEqual([])
  })

  it('names what a new workload asks for and does not get, and not again at each change', async () => {
    const cluster = await world.connect('admin')
    world.runtime.ignored = ['resources.limits']
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'a', image: 'b' }] } }
    const spec = { replicas: 0, selector: { matchLabels: { app: 'x' } }, template }
    const { warnings } = await cluster.create('Deployment', { metadata: { name: 'limited' }, spec })
    expect(warnings).toEqual(['not enforced in the sandbox: resources.limits'])
    expect((await cluster.patch('Deployment', 'limited', { spec: { replicas: 0 } })).warnings).toEqual([])
    world.runtime.ignored = []
  })

  it('goes on with a connection after it refused a write', async () => {
    const { cluster, user } = await readKubeAccess({ kubeconfig: world.kubeconfig('eve'), env: {} })
    const { port } = new URL(world.sandbox.url)
    const socket = connectTls({
      port: Number(port),
      host: '127.0.0.1',
      ca: Buffer.from(cluster.caData ?? '', 'base64'),
    })
    await once(socket, 'secureConnect')
    let text = ''
    socket.on('data', data => {
      text += data
    })
    const head = `Host: x\r\nAuthorization: Bearer ${user.token}\r\n`
    const body = JSON.stringify({ data: 'x'.repeat(200_000) })
    socket.write(`POST /api/v1/namespaces/team/pods HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`)
    socket.write(`GET /version HTTP/1.1\r\n${head}\r\n`)
    await expect
      .poll(() => text.match(/HTTP\/1\.1 (\d+)/g), { timeout: 30_000 })
      .toEqual(['HTTP/1.1 403', 'HTTP/1.1 200'])
    socket.destroy()
  })

  it('frees its port when it ends, whatever is open', async () => {
    const runtime = new ScriptedRuntime()
    const first = await Sandbox.start({ runtime })
    const { port } = new URL(first.url)
    await expect(Sandbox.start({ runtime, port: Number(port) })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await Promise.all([first.close(), first.close()])
    expect(runtime.isClosed).toBe(true)
    const again = await Sandbox.start({ runtime: new ScriptedRuntime(), port: Number(port) })
    await again.close()
  })
})

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createNetServer, connect as netConnect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { connectCluster } from '../../../src/cluster/connect.ts'
import { certificate, privateKey } from './localhost-certificate.ts'

let folder: string
const closing: (() => void)[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podswap-connect-'))
})
afterEach(async () => {
  for (const close of closing.splice(0)) close()
  await rm(folder, { recursive: true })
})

const deployments = '/apis/apps/v1/namespaces/shop/deployments'

describe('a call', () => {
  it('asks as the port says', async () => {
    const { cluster, requests } = await serving(() => ({ body: { metadata: {} } }))
    await cluster.get('Pod', 'a')
    await cluster.create('Deployment', { metadata: { name: 'a' } }, { dryRun: true })
    await cluster.patch('Deployment', 'a', { spec: { replicas: 0 } })
    await cluster.delete('Deployment', 'a', { uid: 'u' })
    expect(requests.map(({ method, url, type }) => [method, url, type])).toEqual([
      ['GET', '/api/v1/namespaces/shop/pods/a', undefined],
      ['POST', `${deployments}?fieldManager=podswap&dryRun=All`, 'application/json'],
      ['PATCH', `${deployments}/a?fieldManager=podswap`, 'application/merge-patch+json'],
      ['DELETE', `${deployments}/a`, 'application/json'],
    ])
    expect(JSON.parse(requests[1]!.body)).toMatchObject({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a' },
    })
    expect(JSON.parse(requests[3]!.body)).toMatchObject({
      propagationPolicy: 'Background',
      preconditions: { uid: 'u' },
    })
  })

  it('surfaces warnings', async () => {
    const Warning = ['299 - "would violate PodSecurity \\"restricted:latest\\": runAsNonRoot"', '299 - "old API"']
    const { cluster } = await serving(() => ({ headers: { Warning }, body: { metadata: {} } }))
    const { warnings } = await cluster.create('Deployment', { metadata: {} })
    expect(warnings).toEqual(['would violate PodSecurity "restricted:latest": runAsNonRoot', 'old API'])
  })

  it('reads all pages of a list', async () => {
    const { cluster, requests } = await serving(({ url }) =>
      url.includes('continue=next')
        ? { body: { metadata: { resourceVersion: '1' }, items: [{ metadata: { name: 'b' } }] } }
        : { body: { metadata: { resourceVersion: '1', continue: 'next' }, items: [{ metadata: { name: 'a' } }] } },
    )
    const pods = await cluster.list('Pod', { labelSelector: 'a=b,c' })
    expect(pods).toEqual(['a', 'b'].map(name => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name } })))
    expect(requests[0]!.url).toContain('labelSelector=a%3Db%2Cc')
  })

  it('is asked again after a 429, and a read after a server’s fault', async () => {
    const answers = [429, 500, 503, 200]
    const { cluster, requests } = await serving(() => ({ status: answers.shift()!, body: { metadata: {} } }))
    await cluster.get('Pod', 'a')
    expect(requests).toHaveLength(4)
  })

  it('is not asked again where it may have been done', async () => {
    const { cluster, requests } = await serving(() => ({ status: 500, body: { message: 'etcd' } }))
    await expect(cluster.patch('Deployment', 'a', {})).rejects.toMatchObject({
      code: 'unreachable',
      cause: { status: 500 },
    })
    expect(requests).toHaveLength(1)
  })

  it('does not wait longer than its deadline for the server to be less busy', async () => {
    const { cluster, requests } = await serving(() => ({ status: 429, headers: { 'Retry-After': '60' }, body: {} }))
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject({ code: 'unreachable', cause: { status: 429 } })
    expect(requests).toHaveLength(1)
  })

  it('can be given up', async () => {
    const stop = new AbortController()
    const { cluster } = await serving(() => {
      stop.abort(new Error('enough'))
      return undefined
    })
    await expect(cluster.get('Pod', 'a', { signal: stop.signal })).rejects.toThrow('enough')
    await expect(cluster.get('Pod', 'a', { signal: stop.signal })).rejects.toThrow('enough')
  })
})

describe('a refusal', () => {
  const status = (code: number, reason: string) => ({
    status: code,
    body: { kind: 'Status', reason, message: `it said ${reason}` },
  })

  it.each([
    [400, 'BadRequest', 'rejected'],
    [401, 'Unauthorized', 'unauthorized'],
    [404, 'NotFound', 'not-found'],
    [409, 'Conflict', 'conflict'],
    [422, 'Invalid', 'rejected'],
  ] as const)('%i is %s', async (code, reason, expected) => {
    const { cluster } = await serving(() => status(code, reason))
    const error = { code: expected, message: expect.stringContaining(reason), cause: { status: code, reason } }
    await expect(cluster.patch('Deployment', 'a', {})).rejects.toMatchObject(error)
  })

  it('names the rule that a Role lacks', async () => {
    const { cluster, requests } = await serving(({ url }) =>
      url.includes('selfsubjectaccessreviews') ? { body: { status: { allowed: false } } } : status(403, 'Forbidden'),
    )
    const hint = expect.stringContaining('{apiGroups: ["apps"], resources: ["deployments"], verbs: ["patch"]}')
    await expect(cluster.patch('Deployment', 'a', {})).rejects.toMatchObject({ code: 'forbidden', hint })
    const { resourceAttributes } = JSON.parse(requests[1]!.body).spec
    expect(resourceAttributes).toEqual({
      namespace: 'shop',
      verb: 'patch',
      group: 'apps',
      resource: 'deployments',
      name: 'a',
    })
  })

  it('is the cluster’s, not the Role’s, where the right is there: a quota or an admission', async () => {
    const { cluster } = await serving(({ url }) =>
      url.includes('selfsubjectaccessreviews') ? { body: { status: { allowed: true } } } : status(403, 'Forbidden'),
    )
    const error = { code: 'rejected', message: 'it said Forbidden', hint: undefined }
    await expect(cluster.create('Deployment', { metadata: {} })).rejects.toMatchObject(error)
  })

  it('of a proxy is shown as it is', async () => {
    const { cluster } = await serving(() => ({ status: 418, text: '<h1>teapot</h1>' }))
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject({ code: 'rejected', message: '<h1>teapot</h1>' })
  })
})

describe('no answer', () => {
  it('because nobody listens', async () => {
    const server = createServer()
    const url = await listen(server)
    await new Promise(resolve => server.close(resolve))
    const cluster = await connect({ server: url })
    const error = { code: 'unreachable', message: expect.stringContaining(url), hint: expect.stringContaining('VPN') }
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject(error)
  })

  it('because the server takes the connection and is silent', async () => {
    // long enough for the connection to be there when it ends: without one the server would be unreachable
    const { cluster } = await serving(() => undefined, { deadlineMs: 1_000 })
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject({ code: 'timeout' })
    await expect(cluster.watch('Pod', { signal: AbortSignal.timeout(200) }, () => {})).resolves.toBeUndefined()
  })

  it('because nobody takes part in the handshake', async () => {
    const server = createNetServer(socket => void closing.push(() => socket.destroy()))
    const url = (await listen(server)).replace('http', 'https')
    const cluster = await connect({ server: url }, { deadlineMs: 50 })
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject({ code: 'unreachable' })
    await expect(cluster.exec({ pod: 'a', container: 'c', command: ['x'] })).rejects.toMatchObject({
      code: 'unreachable',
    })
  })

  it('because it was cut off half-way', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'Content-Length': '100' }).write('{"metadata"')
      setImmediate(() => response.destroy())
    })
    const cluster = await connect({ server: await listen(server) })
    await expect(cluster.patch('Pod', 'a', {})).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('because the certificate is another’s', async () => {
    const server = createHttpsServer({ cert: certificate, key: privateKey })
    const url = (await listen(server)).replace('http', 'https')
    const cluster = await connect({ server: url })
    const error = { code: 'unreachable', hint: expect.stringContaining('certificate') }
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject(error)
  })

  it('on a kept connection that the server closes: a read is sent again', async () => {
    let calls = 0
    const { cluster, sockets } = await serving(() => {
      calls += 1
      if (calls === 2) sockets.at(-1)?.resetAndDestroy()
      return calls === 2 ? undefined : { body: { metadata: { name: `${calls}` } } }
    })
    await cluster.get('Pod', 'a')
    expect(await cluster.get('Pod', 'a')).toMatchObject({ metadata: { name: '3' } })
  })
})

describe('logging in', () => {
  const secured = (token: string) => (request: Seen) =>
    request.authorization === `Bearer ${token}`
      ? { body: { metadata: {} } }
      : { status: 401, body: { reason: 'Unauthorized' } }

  it('inside TLS, with the cluster’s own authority', async () => {
    const server = createHttpsServer({ cert: certificate, key: privateKey }, (_request, response) => {
      response.end('{"metadata":{"name":"secure"}}')
    })
    const url = (await listen(server)).replace('http', 'https')
    const ca = Buffer.from(certificate).toString('base64')
    const cluster = await connect({ server: url, 'certificate-authority-data': ca })
    expect(await cluster.get('Pod', 'a')).toMatchObject({ metadata: { name: 'secure' } })
  })

  it('with a token, a token in a file, a name and password', async () => {
    await writeFile(join(folder, 'token'), 'from-file\n')
    const { requests } = await serving(() => ({ body: { metadata: {} } }), { user: { token: 'abc', as: 'ben' } }, 'get')
    expect(requests[0]).toMatchObject({ authorization: 'Bearer abc', impersonate: 'ben' })
    const file = await serving(() => ({ body: { metadata: {} } }), { user: { tokenFile: 'token' } }, 'get')
    expect(file.requests[0]).toMatchObject({ authorization: 'Bearer from-file' })
    const basic = await serving(() => ({ body: { metadata: {} } }), { user: { username: 'a', password: 'b' } }, 'get')
    expect(basic.requests[0]).toMatchObject({ authorization: 'Basic YTpi' })
  })

  it('case 61: runs a plugin once, tells it what kubectl would, and runs it again when the token is refused', async () => {
    const exec = await plugin(`
      const fs = require('fs')
      const count = fs.existsSync('${folder}/count') ? Number(fs.readFileSync('${folder}/count')) + 1 : 1
      fs.writeFileSync('${folder}/count', String(count))
      fs.writeFileSync('${folder}/info', process.env.KUBERNETES_EXEC_INFO)
      console.log(JSON.stringify({ status: { token: 'token-' + count } }))`)
    let wanted = 'token-1'
    const { cluster, requests } = await serving(request => secured(wanted)(request), { user: { exec } })
    await Promise.all([cluster.get('Pod', 'a'), cluster.get('Pod', 'b')])
    expect(requests).toHaveLength(2)
    wanted = 'token-2'
    await cluster.get('Pod', 'c')
    expect(requests.map(({ authorization }) => authorization)).toEqual(
      ['token-1', 'token-1', 'token-1', 'token-2'].map(token => `Bearer ${token}`),
    )
    const info = JSON.parse(await readFile(join(folder, 'info'), 'utf8'))
    expect(info).toMatchObject({
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: cluster.server } },
    })
    wanted = 'never'
    await expect(cluster.get('Pod', 'd')).rejects.toMatchObject({ code: 'unauthorized' })
  })

  it('says what a plugin said, or how to get one that is missing', async () => {
    const failing = await plugin(`console.error('no session: run login'); process.exit(1)`)
    const { cluster } = await serving(() => undefined, { user: { exec: failing } })
    const error = { code: 'unauthorized', message: expect.stringContaining('no session: run login') }
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject(error)
    const missing = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'no-such-plugin',
      installHint: 'get it there',
    }
    const other = await serving(() => undefined, { user: { exec: missing } })
    await expect(other.cluster.get('Pod', 'a')).rejects.toMatchObject({ code: 'unauthorized', hint: 'get it there' })
  })

  it('refuses what kubectl refuses too', async () => {
    const { cluster } = await serving(() => undefined, { user: { 'auth-provider': { name: 'gcp' } } })
    await expect(cluster.get('Pod', 'a')).rejects.toMatchObject({ code: 'unsupported' })
  })

  it.each(['http', 'socks5'])('through a proxy: %s', async scheme => {
    const server = createHttpsServer({ cert: certificate, key: privateKey }, (_request, response) => {
      response.end('{"metadata":{"name":"behind"}}')
    })
    const sockets = new WebSocketServer({ server, handleProtocols: () => 'v5.channel.k8s.io' })
    sockets.on('connection', socket => {
      socket.send(Buffer.from('\x03{"status":"Success"}'))
      socket.close()
    })
    const url = (await listen(server)).replace('http', 'https')
    const dialled: number[] = []
    const proxy = scheme === 'http' ? connectProxy(dialled) : socksProxy(dialled)
    const proxyUrl = (await listen(proxy)).replace('http', scheme)
    const ca = Buffer.from(certificate).toString('base64')
    const cluster = await connect({ server: url, 'certificate-authority-data': ca, 'proxy-url': proxyUrl })
    expect(await cluster.get('Pod', 'a')).toMatchObject({ metadata: { name: 'behind' } })
    const { io, exit } = await cluster.exec({ pod: 'a', container: 'c', command: ['x'] })
    io.resume()
    expect(await exit).toEqual({ code: 0 })
    expect(new Set(dialled)).toEqual(new Set([Number(new URL(url).port)]))
  })
})

function connectProxy(dialled: number[]): Server {
  const proxy = createServer()
  proxy.on('connect', (request, socket) => {
    const port = Number(request.url?.split(':')[1])
    dialled.push(port)
    const onward = netConnect(port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'))
    tunnel(socket as Socket, onward)
  })
  return proxy
}

/** RFC 1928, without authentication, for IPv4 addresses. */
function socksProxy(dialled: number[]) {
  return createNetServer(socket => {
    socket.once('data', () => {
      socket.write(Buffer.of(5, 0))
      socket.once('data', request => {
        const port = request.readUInt16BE(8)
        dialled.push(port)
        const reply = Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0)
        const onward = netConnect(port, '127.0.0.1', () => socket.write(reply))
        tunnel(socket, onward)
      })
    })
  })
}

function tunnel(one: Socket, other: Socket): void {
  one.pipe(other).pipe(one)
  for (const socket of [one, other]) socket.on('error', () => {})
  closing.push(() => {
    one.destroy()
    other.destroy()
  })
}

interface Seen {
  method: string
  url: string
  type: string | undefined
  authorization: string | undefined
  impersonate: unknown
  body: string
}

type Answer = { status?: number; headers?: Record<string, string | string[]>; body?: object; text?: string } | undefined

/** A server that answers so, and a cluster that asks it; `undefined`: no answer. */
async function serving(
  answer: (request: Seen) => Answer,
  more: { user?: object; deadlineMs?: number } = {},
  first?: 'get',
) {
  const requests: Seen[] = []
  const sockets: Socket[] = []
  const listener: RequestListener = async (request, response) => {
    const seen = await see(request)
    requests.push(seen)
    const { status = 200, headers = {}, body, text } = answer(seen) ?? { status: 0 }
    if (status !== 0) response.writeHead(status, headers).end(text ?? JSON.stringify(body))
  }
  const server = createServer(listener)
  server.on('connection', socket => sockets.push(socket))
  const url = await listen(server)
  const cluster = await connect({ server: url }, more)
  if (first) await cluster.get('Pod', 'a')
  return { cluster, requests, sockets, url }
}

async function see(request: IncomingMessage): Promise<Seen> {
  let body = ''
  for await (const chunk of request) body += chunk
  const { method = '', url = '', headers } = request
  return {
    method,
    url,
    type: headers['content-type'],
    authorization: headers.authorization,
    impersonate: headers['impersonate-user'],
    body,
  }
}

async function listen(server: Server | ReturnType<typeof createNetServer>): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function connect(cluster: object, more: { user?: object; deadlineMs?: number } = {}) {
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: more.user ?? {} }],
    contexts: [{ name: 'test', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
    'current-context': 'test',
  }
  const kubeconfig = join(folder, 'config')
  await writeFile(kubeconfig, JSON.stringify(config))
  const connected = await connectCluster({
    kubeconfig,
    env: {},
    random: () => 0,
    deadlineMs: more.deadlineMs ?? 30_000,
  })
  closing.push(() => connected.close())
  return connected
}

async function plugin(script: string): Promise<object> {
  const file = join(folder, 'plugin.cjs')
  await writeFile(file, script)
  const apiVersion = 'client.authentication.k8s.io/v1'
  return { apiVersion, command: process.execPath, args: [file], provideClusterInfo: true }
}

import { type AddressInfo, createServer, type Server } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerRun, PodPlace, PodVolume } from '../../../../src/sandbox/pod-runtime.ts'
import type { ProcessRuntime } from '../../../../src/sandbox/runtime/process-runtime.ts'
import type { NetworkConfig } from '../../../../src/sandbox/runtime/programs/network-config.ts'
import { buildRuntimePrograms } from './built-programs.ts'
import { container, exec, never, podRequest, printed, script, startRuntime, TestNames } from './running-pod.ts'

/** On other systems the machine has no 127.77.x.y: there pods share an address. */
const modes: NetworkConfig['addresses'][] = process.platform === 'linux' ? ['own', 'shared'] : ['shared']

const stay = 'setInterval(() => {}, 1e6)'

/** Answers each connection with the pod's name. */
const server = (listen: string) => `
  const net = require('net')
  const server = net.createServer(socket => socket.end(require('os').hostname() + ' to ' + socket.remoteAddress))
  server.listen(${listen}, () => console.log('listens', JSON.stringify(server.address())))`

/** Prints what a connection brings, or its error's code. */
const client = (host: string, port: number) => `
  const socket = require('net').connect({ host: '${host}', port: ${port} })
  socket.on('data', text => console.log('got', String(text)))
  socket.on('error', error => console.log('failed', error.code))`

describe.each(modes)('with addresses of the kind %s', addresses => {
  const names = new TestNames()
  let runtime: ProcessRuntime
  let web: PodPlace
  let other: PodPlace
  let webRun: ContainerRun
  let otherRun: ContainerRun

  beforeAll(async () => {
    runtime = await startRuntime(await buildRuntimePrograms(), { addresses })
    web = await runtime.openPod(podRequest('web-0', { names }), never)
    other = await runtime.openPod(
      podRequest('other', { names, spec: { hostAliases: [{ ip: '10.96.0.10', hostnames: ['Alias'] }] } }),
      never,
    )
    names.serve('web.team', '10.96.0.10', 80, web, 8080)
    const http = `require('http').createServer((_, answer) => answer.end('by HTTP')).listen(8088, () => {`
    webRun = await web.start(script(`${http} ${server("8080, '0.0.0.0'")} })`), never)
    otherRun = await other.start(script(server('8080')), never)
    await Promise.all([printed(webRun, 'listens'), printed(otherRun, 'listens')])
  })
  afterAll(() => runtime.close())

  /** What a program in the other pod prints. */
  async function inOther(source: string): Promise<string> {
    const { stdout, stderr } = await exec(otherRun, ['node', '-e', source])
    return stdout + stderr
  }

  it('gives each pod its own ports, as it sees them', async () => {
    expect(web.ip).not.toBe(other.ip)
    for (const [run, pod] of [
      [webRun, web],
      [otherRun, other],
    ] as const) {
      expect(await printed(run, '}')).toContain(`"address":"${pod.ip}"`)
      expect(await printed(run, '}')).toContain('"port":8080')
    }
    const dialled = async (pod: PodPlace) => String(await buffer(await pod.dial(8080, never)))
    expect(await dialled(web)).toMatch(/^web-0 to 127\./)
    expect(await dialled(other)).toMatch(/^other to 127\./)
  })

  it('leaves the machine’s ports alone', async () => {
    const machine = await listenOn('0.0.0.0', 0)
    const { port } = machine.address() as AddressInfo
    const pod = await runtime.openPod(podRequest('same-port', { names }), never)
    const run = await pod.start(script(server(`${port}`)), never)
    expect(await printed(run, '}')).toContain(`"port":${port}}`)
    expect(String(await buffer(await pod.dial(port, never)))).toMatch(/^same-port /)
    expect(await inOther(client(pod.ip, port))).toMatch(/^got same-port /)
    // in the pod itself the port is taken
    const again = `require('net').createServer().on('error', e => console.log(e.code)).listen(${port})`
    expect((await exec(run, ['node', '-e', again])).stdout).toBe('EADDRINUSE\n')
    await pod.close()
    machine.close()
  })

  it('keeps localhost in the pod', async () => {
    for (const host of ['localhost', '127.0.0.1', '::1', '0.0.0.0', 'other']) {
      expect(await inOther(client(host, 8080))).toMatch(/^got other to 127\./)
    }
    expect(await inOther(client('localhost', 8081))).toBe('failed ECONNREFUSED\n')
  })

  it('reaches other pods by their address, and Services by their names', async () => {
    const hosts = [
      web.ip,
      'web',
      'WEB',
      'web.team',
      'web.team.svc',
      'web.team.svc.cluster.local',
      'alias',
      '10.96.0.10',
    ]
    for (const host of hosts) {
      const port = host === web.ip ? 8080 : 80
      expect(await inOther(client(host, port)), host).toMatch(/^got web-0 to 127\./)
    }
    expect(await inOther(client(web.ip, 8081))).toBe('failed ECONNREFUSED\n')
    names.routes.set('10.96.0.10:81', [{ address: web.ip, port: 8088 }])
    const fetched = `fetch('http://web:81').then(answer => answer.text()).then(console.log)`
    expect(await inOther(fetched)).toBe('by HTTP\n')
  })

  it('asks anew each time', async () => {
    const changing = new TestNames()
    const pod = await runtime.openPod(podRequest('asks', { names: changing }), never)
    const run = await pod.start(script(stay), never)
    const ask = async () => (await exec(run, ['node', '-e', client('late.other.svc', 80)])).stdout
    changing.addresses.set('late.other', ['10.96.0.11'])
    changing.routes.set('10.96.0.11:80', [])
    expect(await ask()).toBe('failed ECONNREFUSED\n')
    changing.routes.set('10.96.0.11:80', [{ address: web.ip, port: 8080 }])
    expect(await ask()).toContain('got web-0')
    changing.addresses.set('late.other', [])
    expect(await ask()).toBe('failed ENOTFOUND\n')
    await pod.close()
  })

  it('looks up as Node does, in every form', async () => {
    const source = `
      const dns = require('dns'), util = require('util')
      const show = (...all) => console.log(JSON.stringify(all))
      const run = async () => {
        await new Promise(done => dns.lookup('web', (...all) => (show(...all), done())))
        await new Promise(done => dns.lookup('web', { all: true }, (...all) => (show(...all), done())))
        await new Promise(done => dns.lookup('web', 6, error => (show(error.code, error.hostname), done())))
        show(await util.promisify(dns.lookup)('web'))
        show(await dns.promises.lookup('web'), await dns.promises.lookup('web', { all: true }))
        show((await import('dns/promises')).lookup === dns.promises.lookup)
        show(await dns.promises.lookup('localhost', 4), await dns.promises.lookup('10.1.2.3'))
        show(await dns.promises.lookup('other'))
        try { dns.lookup('web', 'wrong', () => {}) } catch (error) { show(error.code) }
      }
      run()`
    const address = '10.96.0.10'
    const one = { address, family: 4 }
    expect(
      (await inOther(source))
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual([
      [null, address, 4],
      [null, [one]],
      ['ENOTFOUND', 'web'],
      [one],
      [one, [one]],
      [true],
      [
        { address: '127.0.0.1', family: 4 },
        { address: '10.1.2.3', family: 4 },
      ],
      [{ address: other.ip, family: 4 }],
      ['ERR_INVALID_ARG_TYPE'],
    ])
  })

  it('holds in workers, in children of shells, and where NODE_OPTIONS is overridden', async () => {
    const worker = `new (require('worker_threads').Worker)(${JSON.stringify(client('web', 80))}, { eval: true })`
    expect(await inOther(worker)).toContain('got web-0')
    const command = ['sh', '-c', `NODE_OPTIONS=--no-warnings node -e "$1" ; env -u NODE_OPTIONS node -e "$1"`, 'sh']
    const { stdout } = await exec(otherRun, [...command, client('web', 80)])
    expect(stdout.match(/got web-0/g)).toHaveLength(2)
  })

  it('holds where several processes serve one port', async () => {
    const source = `
      const cluster = require('cluster'), net = require('net')
      if (cluster.isPrimary) {
        for (let n = 0; n < 2; n++) cluster.fork()
        cluster.on('listening', (worker, { port }) => console.log('worker listens on', port))
      } else net.createServer(socket => socket.end('worker ' + cluster.worker.id)).listen(7000)`
    const files = [{ path: 'main.js', content: Buffer.from(source), mode: 0o644 }]
    const volumes: PodVolume[] = [{ name: 'app', source: { type: 'files', files } }]
    const pod = await runtime.openPod(podRequest('many', { names, volumes }), never)
    const mounts = [{ volume: 'app', path: '/app', readOnly: true }]
    const run = await pod.start(container({ command: ['node', '/app/main.js'], mounts }), never)
    await printed(run, /(worker listens on 7000\n){2}/)
    expect(await inOther(client(pod.ip, 7000))).toMatch(/^got worker [12]\n$/)
    await pod.close()
  })

  it('does not reach the machine’s loopback, and what is beyond it as it is', async () => {
    const outside = await listenOn('127.0.0.1', 0)
    const { port } = outside.address() as AddressInfo
    expect(await inOther(client('127.0.0.1', port))).toBe('failed ECONNREFUSED\n')
    outside.close()
    const far = `const s = require('net').connect(9, '192.0.2.1').on('error', e => console.log(e.code)); setTimeout(() => s.destroy(), 100)`
    expect(await inOther(far)).toMatch(/^(|E(HOST|NET)UNREACH\n|ECONNREFUSED\n)$/)
  })

  it('lets a port be listened on again, and no longer', async () => {
    const pod = await runtime.openPod(podRequest('again', { names }), never)
    const source = `
      const net = require('net')
      const open = () => new Promise(done => { const s = net.createServer(c => c.end('hi')).listen(9090, () => done(s)) })
      open().then(async first => {
        await new Promise(done => first.close(done))
        const second = await open()
        console.log('again', second.address().port, 'pid', process.pid)
        process.on('SIGUSR2', () => second.close(() => console.log('closed')))
      })
      ${stay}`
    const run = await pod.start(script(source), never)
    const [, pid] = /again 9090 pid (\d+)/.exec(await printed(run, /pid \d+\n/))!
    expect(String(await buffer(await pod.dial(9090, never)))).toBe('hi')
    process.kill(Number(pid), 'SIGUSR2')
    await printed(run, 'closed')
    await expect(pod.dial(9090, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await pod.close()
    await expect(pod.dial(9090, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('serves ports that the system keeps for root', async () => {
    const pod = await runtime.openPod(podRequest('low', { names }), never)
    const run = await pod.start(script(server('80')), never)
    expect(await printed(run, '}')).toContain('"port":80')
    expect(String(await buffer(await pod.dial(80, never)))).toMatch(/^low /)
    expect(await inOther(client(pod.ip, 80))).toMatch(/^got low /)
    await pod.close()
  })

  it('stops dialling when it is told', async () => {
    const gone = AbortSignal.abort(new Error('gone'))
    await expect(web.dial(8080, gone)).rejects.toThrow('gone')
    const pod = await runtime.openPod(podRequest('silent', { names }), never)
    await expect(pod.dial(8080, never)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await pod.close()
  })
})

describe.runIf(process.platform === 'linux')('the debugger', () => {
  it('listens at the pod’s address, whatever it was told', async () => {
    const runtime = await startRuntime(await buildRuntimePrograms())
    try {
      const arguments_ = [['--inspect'], ['--inspect=0.0.0.0:9229'], ['--inspect=9229'], ['--inspect=127.0.0.1:9229']]
      // all at once: at one address they would meet
      await Promise.all(
        arguments_.map(async options => {
          const pod = await runtime.openPod(podRequest('debugged'), never)
          const run = await pod.start(container({ command: ['node', ...options, '-e', stay] }), never)
          expect(await printed(run, 'Debugger listening on')).toContain(`ws://${pod.ip}:9229/`)
          expect(await fetchInspector(pod)).toContain('"webSocketDebuggerUrl"')
        }),
      )
      const pod = await runtime.openPod(podRequest('by-options'), never)
      const env = { NODE_OPTIONS: '--inspect=0.0.0.0:9229' }
      const run = await pod.start(script(stay, { env }), never)
      expect(await printed(run, 'Debugger listening on')).toContain(`ws://${pod.ip}:9229/`)
      const direct = await runtime.openPod(podRequest('direct'), never)
      // not through the `node` of the pod's PATH
      const command = [
        process.execPath,
        '--inspect=0.0.0.0:0',
        '-e',
        `console.log(require('inspector').url()); ${stay}`,
      ]
      expect(await printed(await direct.start(container({ command }), never), /^ws:.*\n/m)).toMatch(
        new RegExp(`^ws://${direct.ip}:`, 'm'),
      )
    } finally {
      await runtime.close()
    }
  })
})

describe.runIf(process.platform === 'linux')('two runtimes', () => {
  it('have addresses apart', async () => {
    const programs = await buildRuntimePrograms()
    const both = await Promise.all([startRuntime(programs), startRuntime(programs)])
    const pods = await Promise.all(both.map(runtime => runtime.openPod(podRequest('same'), never)))
    expect(pods[0]!.ip).not.toBe(pods[1]!.ip)
    for (const pod of pods) {
      const run = await pod.start(script(server('8080')), never)
      await printed(run, 'listens')
    }
    await Promise.all(both.map(runtime => runtime.close()))
  })
})

async function fetchInspector(pod: PodPlace): Promise<string> {
  const socket = await pod.dial(9229, never)
  socket.write(`GET /json HTTP/1.1\r\nHost: ${pod.ip}\r\n\r\n`)
  let answer = ''
  for await (const piece of socket) {
    answer += piece
    if (answer.includes(']')) break
  }
  return answer
}

function listenOn(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port }, () => resolve(server))
  })
}

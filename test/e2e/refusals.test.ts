import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { dump, load } from 'js-yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CleanUp } from './support/clean-up.ts'
import type { Finished } from './support/command.ts'
import { embeddedCluster } from './support/embedded-cluster.ts'
import { environment } from './support/environment.ts'
import { Laptop } from './support/laptop.ts'
import { TestNamespace } from './support/namespace.ts'
import { freePort } from './support/ports.ts'
import { tracesIn } from './support/traces.ts'
import { deploy } from './support/workloads.ts'

/** On the embedded cluster several test files share the machine. */
const refusedWithinMs = embeddedCluster() ? 60_000 : 10_000

/** What cannot work is said at once, with a way on, and nothing is touched. */
describe('up refuses', () => {
  const cleanUp = new CleanUp()
  let namespace: TestNamespace
  let laptop: Laptop
  let version: string

  beforeAll(async () => {
    namespace = cleanUp.use(await TestNamespace.create('refusals'))
    laptop = cleanUp.use(new Laptop())
    await deploy(namespace.admin)
    laptop.folder('app', { 'a.txt': 'a' })
    version = await versions()
  })

  afterAll(() => cleanUp[Symbol.asyncDispose]())

  const versions = async () => {
    const { metadata } = await namespace.admin.get('deployment', 'web')
    return `${metadata.uid} ${metadata.resourceVersion}`
  }

  const write = (text: string) => {
    laptop.folder('.', { 'dev.yml': text })
    return ['up', '--detach', '-f', 'dev.yml', '-n', namespace.name]
  }

  const good = (name = 'web') => `dev:\n  ${name}:\n    command: [sleep, "1000"]\n    sync: ["./app:/app"]\n`

  const expectRefusal = (done: Finished, code: number) => {
    expect(`${done.code}: ${done.stderr}`).toMatch(new RegExp(`^${code}: `))
    expect(done.elapsedMs).toBeLessThan(refusedWithinMs)
    expect(done.stderr).toMatch(/hint:/)
    expect(done.stderr).not.toMatch(/this is a bug|\n\s+at /)
    expect(done.stdout + done.stderr).not.toContain('\x1b')
  }

  const expectUntouched = async () => {
    expect(await versions()).toBe(version)
    expect(await tracesIn(namespace.admin)).toEqual([])
  }

  describe('a wrong manifest: file:line:column, exit code 2', () => {
    const cases: [title: string, text: string, at: string, says: RegExp][] = [
      ['a tab', 'dev:\n  web:\n\tcommand: [sleep]\n', '3:\\d+', /tab|indent/i],
      ['a port that is none', `${good()}    forward:\n      - 8080:80\n      - 90x:80\n`, '7:\\d+', /90x/],
      ['a port too large', `${good()}    forward: ["70000:80"]\n`, '5:\\d+', /70000|65535/],
      ['a folder that is not there', 'dev:\n  web:\n    sync:\n      - ./nowhere:/app\n', '4:\\d+', /nowhere/],
      ['a remote path that is not absolute', 'dev:\n  web:\n    sync: ["./app:app"]\n', '3:\\d+', /absolute/i],
      ['the root as the remote path', 'dev:\n  web:\n    sync: ["./app:/"]\n', '3:\\d+', /root/],
      ['a list for a map', 'dev:\n  - web\n', '2:\\d+', /dev/],
      [
        'a Kubernetes object',
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n',
        '[12]:\\d+',
        /Kubernetes/i,
      ],
    ]
    for (const [title, text, at, says] of cases) {
      it(title, async () => {
        const done = await laptop.podswap(write(text))
        expectRefusal(done, 2)
        expect(done.stderr).toMatch(new RegExp(`(^|[\\s/])dev\\.yml:${at}: `))
        expect(done.stderr).toMatch(says)
        await expectUntouched()
      })
    }

    it('a single-dev (v1) file too', async () => {
      const done = await laptop.podswap(write('name: web\nimage: podswap.test/node:1\nsync:\n  - ./app:relative\n'))
      expectRefusal(done, 2)
      expect(done.stderr).toMatch(/dev\.yml:4:\d+: /)
    })

    it('a file that is not there', async () => {
      expectRefusal(await laptop.podswap(['up', '-f', 'missing.yml']), 2)
    })
  })

  describe('a wrong command line: exit code 2', () => {
    for (const args of [['up', '--no-such-flag'], ['upp'], ['exec', '--'], ['flush', '--timeout', 'soon']]) {
      it(`podswap ${args.join(' ')}`, async () => {
        write(good())
        expectRefusal(await laptop.podswap([...args]), 2)
      })
    }

    it('a dev that the manifest does not have', async () => {
      const done = await laptop.podswap([...write(good()), 'webb'])
      expectRefusal(done, 2)
      expect(done.stderr).toMatch(/webb/)
      expect(done.stderr).toMatch(/\bweb\b/)
    })
  })

  describe('what the cluster does not have or allow: exit code 1 within 10 seconds', () => {
    it('a workload that does not exist', async () => {
      const done = await laptop.podswap(write(good('no-such-app')))
      expectRefusal(done, 1)
      expect(done.stderr).toMatch(/no-such-app/)
      expect(done.stderr).toContain(namespace.name)
      await expectUntouched()
    })

    it('a namespace without rights', async () => {
      await using eve = new Laptop({ kubeconfig: environment().outsider })
      eve.folder('app')
      eve.folder('.', { 'dev.yml': good() })
      const done = await eve.podswap(['up', '--detach', '-f', 'dev.yml', '-n', namespace.name])
      expectRefusal(done, 1)
      expect(done.stderr).toMatch(/forbidden|may not|not allowed|right/i)
      expect(done.stderr).toContain(namespace.name)
      await expectUntouched()
    })

    it('a namespace that does not exist', async () => {
      write(good())
      const done = await laptop.podswap(['up', '--detach', '-f', 'dev.yml', '-n', 'e2e-no-such-namespace'])
      expectRefusal(done, 1)
      expect(done.stderr).toContain('e2e-no-such-namespace')
    })

    it('an API server that refuses the connection', async () => {
      const done = await withServer(`https://127.0.0.1:${await freePort()}`)
      expectRefusal(done, 1)
      expect(done.stderr).toMatch(/127\.0\.0\.1/)
    })

    it('an API server that never answers', async () => {
      const silent = createServer(socket => socket.on('error', () => {}).resume())
      const port = await new Promise<number>(resolve => {
        silent.listen(0, '127.0.0.1', () => resolve((silent.address() as { port: number }).port))
      })
      try {
        const done = await withServer(`https://127.0.0.1:${port}`)
        expectRefusal(done, 1)
        expect(done.stderr).toMatch(/127\.0\.0\.1/)
      } finally {
        silent.close()
      }
    })

    it('a kubeconfig without the named context', async () => {
      const done = await laptop.podswap([...write(good()), '--context', 'elsewhere'])
      expect(done.code).toBeGreaterThan(0)
      expect(done.stderr).toMatch(/elsewhere/)
      await expectUntouched()
    })

    it('a local port that is taken, naming who has it', async () => {
      const server = createServer()
      const port = await new Promise<number>(resolve => {
        server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
      })
      try {
        const done = await laptop.podswap(write(`${good()}    forward: ["${port}:8080"]\n`))
        expectRefusal(done, 1)
        expect(done.stderr).toContain(String(port))
        expect(done.stderr).toContain(String(process.pid))
        await expectUntouched()
      } finally {
        server.close()
      }
    })
  })

  it('nothing, with --dry-run, but changes nothing either', async () => {
    write(good())
    const done = await laptop.ok(['up', '--dry-run', '-f', 'dev.yml', '-n', namespace.name])
    expect(done.stdout).toContain('web-podswap')
    await expectUntouched()
  })

  async function withServer(server: string): Promise<Finished> {
    const config = load(readFileSync(laptop.kubeconfig, 'utf8')) as { clusters: { cluster: { server: string } }[] }
    config.clusters[0]!.cluster.server = server
    const file = join(laptop.root, 'unreachable.kubeconfig')
    writeFileSync(file, dump(config))
    return await laptop.podswap(write(good()), { env: { KUBECONFIG: file } })
  }
})

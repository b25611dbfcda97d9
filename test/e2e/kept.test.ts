import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { embeddedCluster } from './support/embedded-cluster.ts'
import { tracesIn } from './support/traces.ts'
import { eventually } from './support/until.ts'

/*
 * What a dev has and keeps: a volume and the synced folder over `down` and `up`, one of the original's probes, a secret
 * file in memory, the original's own command.
 */

let session: DevSession

/** Answers with its argument, which the spec does not tell. */
const server = `
require('node:http').createServer((request, response) => response.end('in ' + process.argv[1])).listen(8080)
process.on('SIGTERM', () => process.exit(0))
`

beforeAll(async () => {
  session = await DevSession.create({
    purpose: 'kept',
    workload: {
      command: ['node', '-e', server, '$(WHERE)'],
      container: { env: [{ name: 'WHERE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }] },
    },
    files: { 'a.txt': 'a', 'lib/b.txt': 'b'.repeat(100_000) },
    dev: {
      image: 'podswap.test/node:1',
      imagePullPolicy: 'IfNotPresent',
      workdir: '/app',
      probes: { readiness: true },
      volumes: ['/root/.cache', '/app/node_modules'],
      persistentVolume: { enabled: true, size: '1Gi' },
      secrets: ['token:/root/.config/token'],
      // the first thing that it does: the secret must be there
      command: 'cd; stat -L -c "%a %n" .config/token > .cache/seen; cat .config/token >> .cache/seen; exec sleep 86400',
    },
  })
  session.laptop.folder('.', { token: 'hidden-one' })
  chmodSync(join(session.laptop.root, 'token'), 0o640)
})

afterAll(() => session[Symbol.asyncDispose]())

const run = async (...argv: string[]) => {
  const { stdout } = await session.laptop.ok(['exec', '-T', ...session.target, '--', ...argv])
  return stdout
}
const claims = async () => (await session.namespace.admin.list('pvc')).map(({ metadata }) => metadata.uid)

it('case 58: keeps a volume, and the synced folder with it, over down and up', async () => {
  await session.up()
  await run('sh', '-c', 'echo kept > /root/.cache/x; mkdir -p node_modules/m; echo m > node_modules/m/index.js')
  const [clone] = await session.namespace.admin.list('deployment', 'podswap.dev/clone')
  expect(clone?.spec.template.spec.containers[0].readinessProbe).toMatchObject({ tcpSocket: { port: 'http' } })
  const first = await session.laptop.untilState('ready', session.target)
  expect(first.sync.bytes_sent).toBeGreaterThan(100)
  const before = await claims()
  expect(before).toHaveLength(1)
  const { stdout, stderr } = await session.laptop.ok(['down', ...session.target])
  expect(stdout + stderr).toContain('podswap down --volumes web deletes it')
  // what is not in the pod now was written on the laptop meanwhile
  session.save('a.txt', 'another')
  await session.up()
  expect(await run('sh', '-c', 'cat /root/.cache/x node_modules/m/index.js a.txt')).toBe('kept\nm\nanother')
  expect(await claims()).toEqual(before)
  const again = await session.laptop.untilState('ready', session.target)
  expect(again.sync.bytes_sent).toBeLessThan(first.sync.bytes_sent / 2)
  expect(await session.onLaptop.tree(session.folder)).not.toHaveProperty('node_modules')
})

it('brings a secret file in memory before the command starts, and what it becomes', async () => {
  expect(await run('cat', '/root/.cache/seen')).toBe('600 .config/token\nhidden-one')
  // the embedded cluster has no volumes of that kind, and says so
  if (!embeddedCluster()) {
    expect(await run('sh', '-c', 'df --output=fstype "$(readlink -f /root/.config/token)" | tail -1')).toBe('tmpfs\n')
  }
  session.laptop.folder('.', { token: 'hidden-two' })
  await eventually(async () => expect(await run('cat', '/root/.config/token')).toBe('hidden-two'))
  const objects = JSON.stringify(await session.namespace.admin.list('deployments,pods,secrets,configmaps,pvc,events'))
  expect(objects).not.toContain('hidden-')
})

it('runs the original’s own command where that is asked for', async () => {
  await session.down()
  const planned = await session.laptop.ok(['up', '--dry-run', '--keep-command', ...session.target])
  expect(planned.stdout + planned.stderr).toContain(`its own command is kept: node -e`)
  await session.laptop.ok(['up', '--detach', '--keep-command', ...session.target])
  const ask = 'fetch("http://localhost:8080").then(answer => answer.text()).then(text => process.stdout.write(text))'
  await eventually(async () => expect(await run('node', '-e', ask)).toBe(`in ${session.namespace.name}`))
  // coming back to it, when the original is at 0
  await session.laptop.ok(['up', '--detach', '--keep-command', ...session.target])
  const both = await session.laptop.podswap(['up', '--keep-command', ...session.target, '--', 'true'])
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('either --keep-command or a command') })
})

it('deletes the volume where that is asked for', async () => {
  await session.laptop.ok(['down', '--volumes', ...session.target])
  await eventually(async () => expect(await claims()).toEqual([]), { deadlineMs: 60_000 })
  await eventually(async () => expect(await tracesIn(session.namespace.admin)).toEqual([]), { deadlineMs: 60_000 })
})

import { afterAll, beforeAll, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { tracesIn } from './support/traces.ts'
import { eventually } from './support/until.ts'

/*
 * What a dev keeps: a volume and the synced folder over `down` and `up`, one of the original's probes.
 */

let session: DevSession

beforeAll(async () => {
  session = await DevSession.create({
    purpose: 'kept',
    files: { 'a.txt': 'a', 'lib/b.txt': 'b'.repeat(100_000) },
    dev: {
      image: 'podswap.test/node:1',
      imagePullPolicy: 'IfNotPresent',
      workdir: '/app',
      probes: { readiness: true },
      volumes: ['/root/.cache', '/app/node_modules'],
      persistentVolume: { enabled: true, size: '1Gi' },
    },
  })
})

afterAll(() => session[Symbol.asyncDispose]())

const run = async (...argv: string[]) => {
  const { stdout } = await session.laptop.ok(['exec', '-T', ...session.target, '--', ...argv])
  return stdout
}
const claims = async () => (await session.namespace.admin.list('pvc')).map(({ metadata }) => metadata.uid)

it('keeps a volume, and the synced folder with it, over down and up', async () => {
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

it('deletes the volume where that is asked for', async () => {
  await session.laptop.ok(['down', '--volumes', ...session.target])
  await eventually(async () => expect(await claims()).toEqual([]), { deadlineMs: 60_000 })
  await eventually(async () => expect(await tracesIn(session.namespace.admin)).toEqual([]), { deadlineMs: 60_000 })
})

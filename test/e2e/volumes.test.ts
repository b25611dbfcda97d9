import { afterAll, beforeAll, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { environment } from './support/environment.ts'
import { Kubectl } from './support/kubectl.ts'
import { expectRestored } from './support/traces.ts'
import { eventually, until } from './support/until.ts'

/*
 * What a dev pod has beside the synced folder: what its image holds at a volume's path, claims of others, a secret in each
 * new container, more rights; and what is left of that for somebody who may not use claims.
 */

let session: DevSession
const image = '/etc/ssl'

beforeAll(async () => {
  session = await DevSession.create({
    purpose: 'volumes',
    dev: {
      image: 'podswap.test/node:1',
      imagePullPolicy: 'IfNotPresent',
      workdir: '/app',
      volumes: [image],
      persistentVolume: { size: '64Mi' },
      initFromImage: true,
      externalVolumes: ['shared:/shared', 'shared:deep/er:/deeper'],
      secrets: ['token:/root/.config/token'],
      securityContext: { privileged: true },
      // the first thing that it does: the secret must be there
      command: 'cat /root/.config/token > /tmp/seen; exec sleep 86400',
    },
  })
  session.laptop.folder('.', { token: 'hidden-one' })
  await session.namespace.admin.apply({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'shared' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
  })
})

afterAll(() => session?.[Symbol.asyncDispose]())

const run = async (script: string) => {
  const { stdout } = await session.laptop.ok(['exec', '-T', ...session.target, '--', 'sh', '-c', script])
  return stdout
}
/** Type, mode, owner and size of each, and where links lead. */
const listing = `cd ${image} && find . -mindepth 1 -printf '%y %m %u %s %l %P\\n' | grep -v '^d' | sort | sha256sum`
const claims = async () => (await session.namespace.admin.list('pvc')).map(({ metadata }) => metadata.name).sort()

it('fills a volume with what the image has there', async () => {
  const { admin } = session.namespace
  const original = await admin.run(['exec', 'deployment/web', '--', 'sh', '-c', listing])
  await session.up()
  expect(await run(listing)).toBe(original)
  expect(await run(`mountpoint -q ${image} && echo mounted`)).toBe('mounted\n')
})

it('mounts claims of others', async () => {
  expect(await claims()).toHaveLength(2)
  await run('echo theirs > /shared/x; echo below > /deeper/y')
  expect(await run('cat /shared/deep/er/y')).toBe('below\n')
})

it('has the rights that the manifest asks for', async () => {
  const [clone] = await session.namespace.admin.list('deployment', 'podswap.dev/clone')
  expect(clone?.spec.template.spec.containers[0].securityContext).toEqual({ privileged: true })
  // sys_admin is no right of an ordinary container
  const capabilities = BigInt(`0x${(await run('grep CapEff /proc/self/status')).split(/\s+/)[1]}`)
  expect(capabilities & (1n << 21n)).toBe(1n << 21n)
})

it('sends a secret to each new container before its command runs; a volume is filled once', async () => {
  await run(`rm ${image}/openssl.cnf; echo mine > ${image}/mine`)
  expect(await run('cat /tmp/seen /root/.config/token')).toBe('hidden-onehidden-one')
  const { admin } = session.namespace
  const [before] = await admin.list('pod', 'podswap.dev/clone')
  session.laptop.folder('.', { token: 'hidden-two' })
  await admin.run(['delete', 'pod', before!.metadata.name, '--wait=false'])
  await until(
    'another pod is ready',
    async () => {
      const [status] = await session.laptop.devs(session.target)
      return status?.state === 'ready' && status.pod !== before!.metadata.name
    },
    { deadlineMs: 120_000 },
  )
  await eventually(async () => expect(await run('cat /tmp/seen /root/.config/token')).toBe('hidden-twohidden-two'))
  expect(await run(`cat ${image}/mine; ls ${image}`)).toMatch(/^mine\n/)
  expect(await run(`ls ${image}`)).not.toContain('openssl.cnf')
})

it('leaves out what needs claims where they are not allowed, and says the rules', async () => {
  await session.laptop.ok(['down', '--volumes', ...session.target])
  expect(await claims()).toEqual(['shared'])
  const { admin } = session.namespace
  for (const { metadata, rules = [] } of (await admin.list('roles')) as never as Role[]) {
    const others = rules.filter(({ resources }) => !resources.includes('persistentvolumeclaims'))
    const patch = JSON.stringify({ rules: others })
    if (others.length < rules.length) await admin.run(['patch', 'role', metadata.name, '--type=merge', '-p', patch])
  }
  const person = new Kubectl(environment().person, session.namespace.name)
  await until('the right is gone', async () => (await person.attempt(['get', 'pvc'])).code !== 0)
  const { stdout, stderr } = await session.laptop.ok(['up', '--detach', ...session.target])
  expect(stdout + stderr).toContain('nothing in the dev pod survives `podswap down`')
  expect(stdout + stderr).toContain('resources: ["persistentvolumeclaims"]')
  expect(await claims()).toEqual(['shared'])
  // all else is there: the image's files in a volume that ends with the pod, and what is somebody else's
  expect(await run(`cat /shared/x ${image}/openssl.cnf | head -1; cat /root/.config/token`)).toBe('theirs\nhidden-two')
  const down = await session.laptop.podswap(['down', '--volumes', ...session.target])
  expect(down.code).toBe(1)
  expect(down.stderr).toContain('volumes cannot be deleted')
  expect(down.stderr).toContain('persistentvolumeclaims')
  await expectRestored(session.namespace.admin, session.was)
})

interface Role {
  metadata: { name: string }
  rules?: { resources: string[] }[]
}

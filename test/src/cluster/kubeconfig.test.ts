import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readKubeAccess } from '../../../src/cluster/kubeconfig.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podswap-kubeconfig-'))
})
afterEach(() => rm(folder, { recursive: true }))

const two = `
clusters:
- {name: east, cluster: {server: "https://east:6443/", certificate-authority: ca.pem}}
- {name: west, cluster: {server: "https://west:6443"}}
users:
- {name: ann, user: {tokenFile: token, as: ben, as-groups: [ops], exec: {command: bin/login}}}
contexts:
- {name: e, context: {cluster: east, user: ann, namespace: shop}}
- {name: w, context: {cluster: west, user: ann}}
current-context: e
`

describe('a kubeconfig', () => {
  it('gives the current context, or the one asked for', async () => {
    const kubeconfig = await write('config', two)
    const access = await readKubeAccess({ kubeconfig, env: {} })
    expect(access).toMatchObject({ context: 'e', namespace: 'shop', cluster: { server: 'https://east:6443' } })
    expect(await readKubeAccess({ kubeconfig, context: 'w', env: {} })).toMatchObject({
      context: 'w',
      namespace: 'default',
    })
    expect(await readKubeAccess({ kubeconfig, namespace: 'mine', env: {} })).toMatchObject({ namespace: 'mine' })
  })

  it('reads what it names from its own folder', async () => {
    await mkdir(join(folder, 'sub'))
    const access = await readKubeAccess({ kubeconfig: await write('sub/config', two), env: {} })
    expect(access.cluster.caFile).toBe(join(folder, 'sub', 'ca.pem'))
    expect(access.user).toMatchObject({
      tokenFile: join(folder, 'sub', 'token'),
      exec: { command: join(folder, 'sub', 'bin/login') },
      impersonateUser: 'ben',
      impersonateGroups: ['ops'],
    })
  })

  it('is merged from several files: the first wins, missing ones do not matter', async () => {
    const other = two.replace('east:6443', 'elsewhere:1').replace('current-context: e', 'current-context: w')
    const KUBECONFIG = [join(folder, 'none'), await write('a', two), await write('b', other)].join(delimiter)
    expect(await readKubeAccess({ env: { KUBECONFIG } })).toMatchObject({
      context: 'e',
      cluster: { server: 'https://east:6443' },
    })
  })

  it('lies at ~/.kube/config where nothing else is said', async () => {
    await mkdir(join(folder, '.kube'))
    await write('.kube/config', two)
    expect(await readKubeAccess({ env: { HOME: folder } })).toMatchObject({ context: 'e' })
  })

  it('may be JSON, and may hold entries that nobody needs to understand', async () => {
    const config = {
      clusters: [{ name: 'c', cluster: { server: 'https://c' } }, { name: 'broken' }],
      contexts: [{ name: 'x', context: { cluster: 'c' } }],
      'current-context': 'x',
    }
    const kubeconfig = await write('config', JSON.stringify(config))
    expect(await readKubeAccess({ kubeconfig, env: {} })).toMatchObject({
      context: 'x',
      cluster: { server: 'https://c' },
    })
  })
})

describe('a kubeconfig that does not serve', () => {
  it('names the contexts that there are', async () => {
    const kubeconfig = await write('config', two)
    const reading = readKubeAccess({ kubeconfig, context: 'north', env: {} })
    await expect(reading).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('north'),
      hint: 'contexts: e, w',
    })
  })

  it('says where none was found', async () => {
    const reading = readKubeAccess({ env: { HOME: folder } })
    await expect(reading).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining(join('.kube', 'config')),
    })
    const named = readKubeAccess({ kubeconfig: join(folder, 'none'), env: {} })
    await expect(named).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('none') })
  })

  it('names the place that is not YAML, and quotes nothing of the lines around it', async () => {
    const kubeconfig = await write('broken', 'users:\n- name: ann\n  user:\n    token: hidden\n   contexts: []\n')
    const error = await readKubeAccess({ kubeconfig, env: {} }).then(
      () => expect.unreachable(),
      (thrown: Error) => thrown,
    )
    expect(error.message).toContain(`${kubeconfig}:5:4 is not readable`)
    expect(inspect(error)).not.toContain('hidden')
  })

  it('says that it is not readable, or lacks what it names', async () => {
    const kubeconfig = await write('config', 'a: [')
    await expect(readKubeAccess({ kubeconfig, env: {} })).rejects.toMatchObject({ code: 'unsupported' })
    const empty = await write('empty', '')
    await expect(readKubeAccess({ kubeconfig: empty, env: {} })).rejects.toMatchObject({ code: 'unsupported' })
    const lacking = await write('lacking', two.replace('name: east', 'name: south'))
    await expect(readKubeAccess({ kubeconfig: lacking, env: {} })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('east'),
    })
    const aimless = await write('aimless', two.replace('current-context: e', ''))
    await expect(readKubeAccess({ kubeconfig: aimless, env: {} })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('e, w'),
    })
  })
})

async function write(name: string, text: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

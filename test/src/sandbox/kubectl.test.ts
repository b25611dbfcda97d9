import { execFile, execFileSync, spawn } from 'node:child_process'
import { load } from 'js-yaml'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deployment } from '../cluster/cluster-contract.ts'
import { ready } from '../swap/trial.ts'
import { SandboxWorld } from './sandbox-world.ts'

function hasKubectl(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' })
    return true
  } catch {
    console.warn('SKIPPED, no kubectl on the PATH: how it works with the sandbox is not tried')
    return false
  }
}

describe.skipIf(!hasKubectl())('kubectl with the sandbox', { timeout: 120_000 }, () => {
  let world: SandboxWorld
  let pod: string
  beforeAll(async () => {
    world = await SandboxWorld.make()
    world.runtime.script = () => ({ log: 'one\ntwo\nthree\n' })
    world.sandbox.apply([deployment('web', 2)])
    const cluster = await world.connect('ann')
    await ready(cluster, 'Deployment', 'web')
    pod = (await cluster.list('Pod'))[0]!.metadata.name!
  }, 120_000)
  afterAll(() => world?.close())

  /** HOME is the test's folder: kubectl keeps what it discovered there. */
  const env = (person: string) => ({ ...process.env, KUBECONFIG: world.kubeconfig(person), HOME: world.folder })
  const kubectl = (person: string, ...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>(resolve => {
      execFile('kubectl', args, { env: env(person) }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      )
    })

  it('gets objects as JSON and as YAML', async () => {
    const json = JSON.parse((await kubectl('ann', 'get', 'deployments,pods', '-o', 'json')).stdout)
    expect(json.items.map(({ kind }: { kind: string }) => kind)).toEqual(['Deployment', 'Pod', 'Pod'])
    const yaml = load((await kubectl('ann', 'get', 'deploy', 'web', '-o', 'yaml')).stdout)
    expect(yaml).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment', status: { readyReplicas: 2 } })
    const names = (await kubectl('ann', 'get', 'po', '-l', 'app=none', '-o', 'name')).stdout
    expect(names).toBe('')
    expect((await kubectl('ann', 'get', 'deploy')).stdout).toMatch(/^NAME\s+AGE\nweb\s/)
  })

  it('says what is not there and what is not allowed', async () => {
    expect(await kubectl('ann', 'get', 'deploy', 'none')).toMatchObject({
      code: 1,
      stderr: 'Error from server (NotFound): deployments.apps "none" not found\n',
    })
    expect((await kubectl('eve', 'get', 'pods')).stderr).toContain('User "eve" cannot list resource "pods"')
    // kubectl sends a review as protobuf
    expect((await kubectl('ann', 'auth', 'can-i', 'list', 'pods')).stderr).toContain(
      'accepted media types include: application/json',
    )
  })

  it('shows logs and follows them', async () => {
    expect((await kubectl('ann', 'logs', pod, '--tail', '2')).stdout).toBe('two\nthree\n')
    const following = spawn('kubectl', ['logs', '-f', pod], { env: env('ann') })
    let text = ''
    const seen = new Promise<void>(resolve =>
      following.stdout.on('data', data => {
        text += data
        if (text === 'one\ntwo\nthree\n') resolve()
      }),
    )
    await seen
    expect(following.exitCode).toBeNull()
    following.kill()
  })

  it('runs commands, with their input and exit code', async () => {
    expect((await kubectl('ann', 'exec', pod, '--', 'echo', 'hello')).stdout).toBe('hello\n')
    expect(await kubectl('ann', 'exec', pod, '--', 'exit', '7', 'oh')).toMatchObject({
      code: 7,
      stderr: expect.stringContaining('oh'),
    })
    const child = spawn('kubectl', ['exec', '-i', pod, '--', 'cat'], { env: env('ann') })
    const sent = 'x'.repeat(1024 * 1024)
    child.stdin.end(sent)
    let got = ''
    for await (const data of child.stdout) got += data
    expect(got).toBe(sent)
    expect((await kubectl('ann', 'exec', pod, '--', 'nothing')).stderr).toContain('executable file not found')
  })

  it('scales', async () => {
    expect((await kubectl('admin', 'scale', 'deploy', 'web', '--replicas', '3')).stdout).toBe(
      'deployment.apps/web scaled\n',
    )
    const conditional = ['scale', 'deploy', 'web', '--current-replicas', '3', '--replicas', '1']
    expect((await kubectl('admin', ...conditional)).stdout).toBe('deployment.apps/web scaled\n')
    expect((await kubectl('admin', ...conditional)).stderr).toContain('Expected replicas to be 3, was 1')
    const names = async () => (await kubectl('ann', 'get', 'pods', '-o', 'name')).stdout.trim().split('\n').length
    await expect.poll(names, { timeout: 30_000 }).toBe(1)
  })

  it('deletes', async () => {
    world.sandbox.apply([deployment('gone', 1)])
    expect((await kubectl('admin', 'delete', 'deploy', 'gone')).stdout).toContain('"gone" deleted')
    expect((await kubectl('admin', 'delete', 'deploy', 'web', '--cascade=orphan')).stderr).toContain(
      'propagation policy Orphan',
    )
  })

  it('is told what the sandbox does not do', async () => {
    expect((await kubectl('admin', 'create', 'deployment', 'x', '--image', 'x')).stderr).toContain('application/json')
    expect((await kubectl('admin', 'label', 'deploy', 'web', 'a=b')).code).toBe(0)
    expect((await kubectl('admin', 'get', 'jobs')).stderr).toContain(`doesn't have a resource type "jobs"`)
    expect((await kubectl('admin', 'get', '--raw', '/apis/batch/v1/namespaces/team/jobs')).stderr).toContain(
      'batch/v1 jobs',
    )
  })
})

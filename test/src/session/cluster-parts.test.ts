import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { writeLeftNote } from '../../../src/home/left-note.ts'
import type { Dev } from '../../../src/manifest/manifest.ts'
import { clusterParts } from '../../../src/session/cluster-parts.ts'
import type { SessionParts } from '../../../src/session/parts.ts'
import { syncStateFolder } from '../../../src/session/sync-parts.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dev, webDeployment } from '../swap/shapes.ts'
import { ready } from '../swap/trial.ts'

interface Trial {
  cluster: MemoryCluster
  scratch: string
  signal: AbortSignal
  parts(options?: Pick<Parameters<typeof clusterParts>[0], 'undoReadyMs'> & { dev?: Dev }): SessionParts
}

/** With a Deployment that is ready, and a folder that is gone afterwards. */
async function withTrial(run: (trial: Trial) => Promise<void>): Promise<void> {
  const cluster = new MemoryCluster()
  const scratch = mkdtempSync(join(tmpdir(), 'podswap-parts-'))
  const common = {
    cluster,
    home: { path: scratch, run: scratch, logs: scratch, sync: scratch },
    dev: dev(),
    agent: { bundle: Buffer.from('agent'), sha256: '0'.repeat(64), startScript: 'start()' },
    sessionId: 'k3f9',
    owner: 'ann@laptop',
    takeOver: false,
    env: { PODSWAP_AGENT_IMAGE: 'podswap.test/node:1' },
  }
  try {
    const { uid, resourceVersion, ...metadata } = webDeployment().metadata
    cluster.applyServerSide({ ...webDeployment(), metadata })
    await ready(cluster, 'Deployment', 'web')
    const parts: Trial['parts'] = options => clusterParts({ ...common, ...options })
    await run({ cluster, scratch, signal: AbortSignal.timeout(60_000), parts })
  } finally {
    cluster.close()
    rmSync(scratch, { recursive: true })
  }
}

it.skipIf(process.platform === 'win32')('touches nothing where a local folder cannot be written to', async () => {
  await withTrial(async ({ cluster, scratch, signal, parts }) => {
    // Unlike a read-only folder, a file refuses root too.
    const local = join(scratch, 'file')
    writeFileSync(local, '')
    const at = { file: '/code/dev.yml', line: 3, column: 5 }
    const sync = [{ local, remote: '/app', mode: 'two-way' as const, initial: 'mirror' as const, at }]
    const claiming = parts({ dev: dev({ sync }) }).claimSwap({ signal, report() {} })
    await expect(claiming).rejects.toMatchObject({
      code: 'state',
      message: `cannot use a private folder in ${local} (EACCES)`,
    })
    expect(cluster.all('Lease')).toEqual([])
  })
})

it('says of what was put back that its pods are not ready', async () => {
  await withTrial(async ({ cluster, signal, parts: partsWith }) => {
    const parts = partsWith({ undoReadyMs: 200 })
    const warnings: string[] = []
    const report = (event: UiEvent) => void (event.type === 'warning' && warnings.push(event.message))
    const claim = await parts.claimSwap({ signal, report })
    await claim.apply({ signal, report, touching() {} })
    cluster.controllers.behave = () => ({ phase: 'Pending' })
    await parts.revertSwap({ signal, report })
    expect(warnings).toEqual(['not all pods of deployment/web are ready yet'])
  })
})

it('restarts no pod for another manifest before what it holds is here', async () => {
  await withTrial(async ({ cluster, scratch, signal, parts }) => {
    const at = { file: '/code/dev.yml', line: 3, column: 5 }
    const [local, elsewhere] = ['app', 'elsewhere'].map(name => join(scratch, name)) as [string, string]
    for (const folder of [local, elsewhere]) mkdirSync(folder)
    const folder = { local, remote: '/app', mode: 'two-way' as const, initial: 'mirror' as const, at }
    const up = async (changes: Partial<Dev>) => {
      const claim = await parts({ dev: dev({ sync: [folder], ...changes }) }).claimSwap({ signal, report() {} })
      return await claim.apply({ signal, report() {}, touching() {} })
    }
    const { workload } = await up({})
    await ready(cluster, 'Deployment', 'web-podswap')
    const home = { path: scratch, run: scratch, logs: scratch, sync: scratch }
    writeLeftNote(home, 'k3f9', { version: 1, dev: { name: 'web' }, workload, folders: [folder] })
    const stateFolder = syncStateFolder({ cluster, home }, { workload }, folder)
    mkdirSync(stateFolder)
    const clone = () => cluster.peek('Deployment', 'web-podswap')
    const before = clone()

    // nobody answers in this pod
    const refusal = { code: 'state', hint: expect.stringContaining('podswap down web --force') }
    await expect(up({ image: 'podswap.test/other:1' })).rejects.toMatchObject(refusal)
    await expect(up({ sync: [{ ...folder, local: elsewhere }] })).rejects.toMatchObject(refusal)
    expect(clone()).toEqual(before)
    expect(await up({})).toMatchObject({ resumed: true })

    rmSync(stateFolder, { recursive: true })
    expect(await up({ image: 'podswap.test/other:1' })).toMatchObject({ resumed: true })
    expect(clone()).not.toEqual(before)
  })
})

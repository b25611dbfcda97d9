import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { clusterParts } from '../../../src/session/cluster-parts.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dev, webDeployment } from '../swap/shapes.ts'
import { ready } from '../swap/trial.ts'

it.skipIf(process.platform === 'win32')('touches nothing where a local folder cannot be written to', async () => {
  const cluster = new MemoryCluster()
  const scratch = mkdtempSync(join(tmpdir(), 'podswap-parts-'))
  try {
    const { uid, resourceVersion, ...metadata } = webDeployment().metadata
    cluster.applyServerSide({ ...webDeployment(), metadata })
    await ready(cluster, 'Deployment', 'web')
    // Unlike a read-only folder, a file refuses root too.
    const local = join(scratch, 'file')
    writeFileSync(local, '')
    const at = { file: '/code/dev.yml', line: 3, column: 5 }
    const parts = clusterParts({
      cluster,
      home: { path: scratch, run: scratch, logs: scratch, sync: scratch },
      dev: dev({ sync: [{ local, remote: '/app', mode: 'two-way', initial: 'mirror', at }] }),
      agent: { bundle: Buffer.from('agent'), sha256: '0'.repeat(64), startScript: 'start()' },
      sessionId: 'k3f9',
      owner: 'ann@laptop',
      takeOver: false,
      env: { PODSWAP_AGENT_IMAGE: 'podswap.test/node:1' },
    })
    const claiming = parts.claimSwap({ signal: AbortSignal.timeout(60_000), report() {} })
    await expect(claiming).rejects.toMatchObject({
      code: 'state',
      message: `cannot use a private folder in ${local} (EACCES)`,
    })
    expect(cluster.all('Lease')).toEqual([])
  } finally {
    cluster.close()
    rmSync(scratch, { recursive: true })
  }
})

it('says of what was put back that its pods are not ready', async () => {
  const cluster = new MemoryCluster()
  const scratch = mkdtempSync(join(tmpdir(), 'podswap-parts-'))
  try {
    const { uid, resourceVersion, ...metadata } = webDeployment().metadata
    cluster.applyServerSide({ ...webDeployment(), metadata })
    await ready(cluster, 'Deployment', 'web')
    const parts = clusterParts({
      cluster,
      home: { path: scratch, run: scratch, logs: scratch, sync: scratch },
      dev: dev(),
      agent: { bundle: Buffer.from('agent'), sha256: '0'.repeat(64), startScript: 'start()' },
      sessionId: 'k3f9',
      owner: 'ann@laptop',
      takeOver: false,
      env: { PODSWAP_AGENT_IMAGE: 'podswap.test/node:1' },
      undoReadyMs: 200,
    })
    const warnings: string[] = []
    const report = (event: UiEvent) => void (event.type === 'warning' && warnings.push(event.message))
    const signal = AbortSignal.timeout(60_000)
    const claim = await parts.claimSwap({ signal, report })
    await claim.apply({ signal, report, touching() {} })
    cluster.controllers.behave = () => ({ phase: 'Pending' })
    await parts.revertSwap({ signal, report })
    expect(warnings).toEqual(['not all pods of deployment/web are ready yet'])
  } finally {
    cluster.close()
    rmSync(scratch, { recursive: true })
  }
})

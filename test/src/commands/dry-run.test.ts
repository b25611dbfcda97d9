import { describe, expect, test } from 'vitest'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { plannedWrites, writesText } from '../../../src/commands/dry-run.ts'

const clone: KubeObject = { kind: 'Deployment', metadata: { name: 'web-podswap' }, spec: { replicas: 1 } }
const scale = { spec: { replicas: 0 } }

/** Counts what really arrives. */
function fakeCluster() {
  const asked: string[] = []
  const cluster = {
    namespace: 'team',
    get: async (_kind: string, name: string) => {
      asked.push(`get ${name}`)
      return clone
    },
    create: async (_kind: string, object: KubeObject, options?: { dryRun?: boolean }) => {
      asked.push(`create ${object.metadata.name} ${options?.dryRun ? 'dry' : 'REAL'}`)
      return { object, warnings: [] }
    },
    patch: async (_kind: string, name: string, _patch: object, options?: { dryRun?: boolean }) => {
      asked.push(`patch ${name} ${options?.dryRun ? 'dry' : 'REAL'}`)
      return { object: clone, warnings: [] }
    },
    delete: async (_kind: string, name: string) => void asked.push(`delete ${name} REAL`),
  }
  return { cluster: cluster as unknown as Cluster, asked }
}

describe('what a dry run plans', () => {
  test('reads and tries, and stops at the first write', async () => {
    const { cluster, asked } = fakeCluster()
    let wentOn = false
    const writes = await plannedWrites(cluster, async recording => {
      await recording.get('Deployment', 'web')
      await recording.create('Deployment', clone, { dryRun: true })
      await recording.patch('Deployment', 'web', scale)
      wentOn = true
    })
    expect(wentOn).toBe(false)
    expect(asked).toEqual(['get web', 'create web-podswap dry'])
    expect(writes).toEqual([
      { verb: 'patch', kind: 'Deployment', name: 'web', body: scale },
      { verb: 'create', kind: 'Deployment', name: 'web-podswap', body: clone },
    ])
    expect(writesText('web', writes)).toBe(`--- # merge patch Deployment web
spec:
  replicas: 0
--- # create Deployment web-podswap
kind: Deployment
metadata:
  name: web-podswap
spec:
  replicas: 1
`)
  })

  test('a delete is not made either', async () => {
    const { cluster, asked } = fakeCluster()
    const writes = await plannedWrites(cluster, recording => recording.delete('Deployment', 'old'))
    expect(asked).toEqual([])
    expect(writes).toEqual([{ verb: 'delete', kind: 'Deployment', name: 'old' }])
  })

  test('nothing to write is said', async () => {
    const { cluster } = fakeCluster()
    expect(writesText('web', await plannedWrites(cluster, async () => {}))).toBe('# web: nothing to change\n')
  })

  test('a refusal is passed on', async () => {
    const { cluster } = fakeCluster()
    const refused = plannedWrites(cluster, async () => {
      throw new Error('no')
    })
    await expect(refused).rejects.toThrow('no')
  })
})

import { readFileSync } from 'node:fs'
import { loadAll } from 'js-yaml'
import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../src/cluster/cluster.ts'
import { loadManifest } from '../../src/manifest/load-manifest.ts'

const objects = loadAll(readFileSync('manifests/demo/k8s.yml', 'utf8')) as (KubeObject & {
  data: Record<string, string>
})[]
const find = (kind: string, name: string) => objects.find(each => each.kind === kind && each.metadata.name === name)!

describe('the demo application', () => {
  it('has the same worker in the cluster as in the folder', () => {
    expect(find('ConfigMap', 'web-code').data['worker.mjs']).toBe(readFileSync('manifests/demo/app/worker.mjs', 'utf8'))
  })

  it('goes with its dev manifest: the workload, its container, the database', () => {
    const { devs } = loadManifest({ file: 'manifests/dev.node.yml', cwd: process.cwd(), env: {}, home: '/' })
    const [dev] = devs
    const { containers } = find('Deployment', dev!.name).spec.template.spec
    expect(containers.map(({ name }: { name: string }) => name)).toContain(dev!.container)
    const hosts = dev!.forward.flatMap(({ host }) => host ?? [])
    expect(hosts).toEqual(['postgres'])
    for (const host of hosts) expect(find('Service', host).spec.ports[0].port).toBe(5432)
  })
})

import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import type { Dev } from '../../../src/manifest/manifest.ts'
import { planSwap } from '../../../src/swap/plan.ts'
import { podTemplate } from '../../../src/swap/pod-template.ts'
import { marks } from '../../../src/swap/record.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dbStatefulSet, dev, planOptions, webDeployment } from './shapes.ts'
import { ready, Trial } from './trial.ts'

const plan = (workload: KubeObject, fields: Partial<Dev>) =>
  planSwap({ workload, dev: dev(fields), options: planOptions })
const pod = (workload: KubeObject, fields: Partial<Dev>) => podTemplate(plan(workload, fields).clone)

describe('where the clone’s pod runs', () => {
  const own = {
    nodeSelector: { disk: 'hdd' },
    affinity: { podAntiAffinity: { a: 1 } },
    tolerations: [{ key: 'own', operator: 'Exists' }],
    serviceAccount: 'web',
    serviceAccountName: 'web',
    priorityClassName: 'high',
    priority: 1000,
    preemptionPolicy: 'Never',
  }

  it('is as it was where the dev says nothing', () => {
    expect(pod(webDeployment({ pod: own }), {}).spec).toMatchObject(own)
  })

  it('is as the dev says, its tolerations beside the original’s', () => {
    const scheduling = {
      nodeSelector: { zone: 'a' },
      affinity: { nodeAffinity: { b: 2 } },
      tolerations: [{ key: 'gpu' }],
      serviceAccount: 'builder',
      priorityClassName: 'low',
    }
    const { spec } = pod(webDeployment({ pod: own }), { scheduling })
    expect(spec).toMatchObject({
      nodeSelector: { zone: 'a' },
      affinity: { nodeAffinity: { b: 2 } },
      tolerations: [{ key: 'own', operator: 'Exists' }, { key: 'gpu' }],
      serviceAccountName: 'builder',
      priorityClassName: 'low',
    })
    expect(spec.nodeSelector).toEqual({ zone: 'a' })
    expect(spec.affinity).toEqual({ nodeAffinity: { b: 2 } })
    for (const field of ['serviceAccount', 'priority', 'preemptionPolicy']) expect(spec).not.toHaveProperty(field)
  })

  it('changes one thing and leaves the others', () => {
    const { spec } = pod(webDeployment({ pod: own }), { scheduling: { serviceAccount: 'builder' } })
    const { serviceAccount: _, serviceAccountName: __, ...rest } = own
    expect(spec).toMatchObject({ ...rest, serviceAccountName: 'builder' })
  })
})

describe('metadata', () => {
  const metadata = {
    labels: { team: 'shop', app: 'other' },
    annotations: { note: 'x', 'sidecar.istio.io/inject': 'false' },
  }

  it('goes to the clone and its pods, beside our marks', () => {
    const { clone } = plan(webDeployment(), { metadata })
    expect(clone.metadata.labels).toMatchObject({ team: 'shop', [marks.clone]: 'web-podswap' })
    expect(clone.metadata.annotations).toMatchObject(metadata.annotations)
    expect(Object.keys(clone.metadata.annotations!)).toContain(marks.record)
    expect(podTemplate(clone).metadata).toEqual({
      labels: { app: 'web', tier: 'front', team: 'shop', [marks.clone]: 'web-podswap' },
      annotations: metadata.annotations,
    })
  })

  it('never takes the place of a label that Services select by, and says so', () => {
    const { clone, warnings } = plan(webDeployment(), { metadata })
    expect(clone.spec.selector.matchLabels.app).toBe('web')
    expect(warnings.filter(text => text.includes('label'))).toEqual([
      'the label app stays web and does not become other: Services find the pod by the labels that it has',
    ])
    const same = plan(webDeployment(), { metadata: { labels: { app: 'web' } } })
    expect(same.warnings.filter(text => text.includes('label'))).toEqual([])
    const labels = { 'apps.kubernetes.io/pod-index': '7' }
    expect(podTemplate(plan(dbStatefulSet(), { metadata: { labels } }).clone).metadata?.labels).toMatchObject({
      'apps.kubernetes.io/pod-index': '0',
    })
  })

  it('that is taken out of the manifest goes from a clone that is there', async () => {
    const cluster = new MemoryCluster()
    const { uid: _, resourceVersion: __, ...metadata } = webDeployment().metadata
    cluster.applyServerSide({ ...webDeployment(), metadata })
    await ready(cluster, 'Deployment', 'web')
    const trial = new Trial(cluster)
    await trial.up({ dev: dev({ metadata: { labels: { a: '1', b: '2' }, annotations: { c: '3', d: '4' } } }) })
    await trial.up({ dev: dev({ metadata: { labels: { b: '5' }, annotations: { d: '6' } } }) })
    const clone = await cluster.get('Deployment', 'web-podswap')
    for (const { labels, annotations } of [clone.metadata, podTemplate(clone).metadata!]) {
      expect(labels).toMatchObject({ b: '5', [marks.clone]: 'web-podswap' })
      expect(annotations).toMatchObject({ d: '6' })
      expect(labels).not.toHaveProperty('a')
      expect(annotations).not.toHaveProperty('c')
    }
    expect(clone.metadata.annotations).toHaveProperty([marks.record])
    cluster.close()
  })
})

describe('securityContext', () => {
  const security = (own: object, wanted: Dev['securityContext']) =>
    podTemplate(plan(webDeployment({ container: { securityContext: own } }), { securityContext: wanted }).clone).spec
      .containers[0]!.securityContext

  it('of a privileged container does not forbid what it brings', () => {
    expect(security({ allowPrivilegeEscalation: false, runAsGroup: 1 }, { privileged: true })).toEqual({
      runAsGroup: 1,
      privileged: true,
    })
    // the cluster refuses it, with its own words
    expect(security({}, { privileged: true, allowPrivilegeEscalation: false })).toMatchObject({
      allowPrivilegeEscalation: false,
    })
  })

  it('of root does not keep the original’s runAsNonRoot', () => {
    expect(security({ runAsNonRoot: true }, { runAsUser: 0 })).toEqual({ runAsUser: 0, runAsNonRoot: false })
    expect(security({ runAsNonRoot: true }, { runAsUser: 5 })).toEqual({ runAsUser: 5, runAsNonRoot: true })
  })

  it('goes on to the container that brings the agent, without its rights', () => {
    const { spec } = podTemplate(
      plan(webDeployment(), { securityContext: { privileged: true, seccompProfile: { type: 'RuntimeDefault' } } })
        .clone,
    )
    expect(spec.initContainers![0]!.securityContext).toMatchObject({
      seccompProfile: { type: 'RuntimeDefault' },
      allowPrivilegeEscalation: false,
    })
    expect(spec.initContainers![0]!.securityContext).not.toHaveProperty('privileged')
  })
})

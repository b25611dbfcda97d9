import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import type { Dev } from '../../../src/manifest/manifest.ts'
import { planSwap } from '../../../src/swap/plan.ts'
import type { PlanInput } from '../../../src/swap/plan-input.ts'
import { defaultsSeen, podTemplate, sharesWithOld } from '../../../src/swap/pod-template.ts'
import { marks, readRecord } from '../../../src/swap/record.ts'
import { dbStatefulSet, dev, planOptions, webDeployment } from './shapes.ts'

const plan = (workload: KubeObject, fields: Partial<Dev> = {}, more: Partial<PlanInput> = {}) =>
  planSwap({ workload, dev: dev(fields), options: planOptions, ...more })
const template = (workload: KubeObject, fields: Partial<Dev> = {}, more: Partial<PlanInput> = {}) =>
  podTemplate(plan(workload, fields, more).clone)
const container = (workload: KubeObject, fields: Partial<Dev> = {}, more: Partial<PlanInput> = {}) =>
  template(workload, fields, more).spec.containers[0]!

describe('the clone', () => {
  it('is a Deployment of one pod that replaces itself only when the old one is gone', () => {
    const { clone } = plan(webDeployment())
    expect(clone).toMatchObject({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web-podswap', namespace: 'test' },
    })
    expect(clone.spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } })
  })

  it('bears our marks and nothing of the original’s object', () => {
    const { metadata } = plan(webDeployment()).clone
    expect(metadata.labels).toEqual({ [marks.clone]: 'web-podswap' })
    expect(Object.keys(metadata.annotations!).sort()).toEqual([marks.record, marks.template])
    expect(metadata.ownerReferences).toEqual([
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: 'web',
        uid: 'uid-web',
        controller: false,
        blockOwnerDeletion: false,
      },
    ])
  })

  it('selects with the original’s whole selector and its own label', () => {
    const { spec } = plan(webDeployment()).clone
    expect(spec.selector).toEqual({
      matchLabels: { app: 'web', [marks.clone]: 'web-podswap' },
      matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }],
    })
  })

  it('makes pods that look like the original’s, so that Services and policies find them', () => {
    const { metadata } = template(webDeployment())
    expect(metadata).toEqual({
      labels: { app: 'web', tier: 'front', [marks.clone]: 'web-podswap' },
      annotations: { 'sidecar.istio.io/inject': 'true' },
    })
  })

  it('keeps everything but the chosen container as it is', () => {
    const original = webDeployment({
      pod: { nodeSelector: { disk: 'ssd' }, serviceAccountName: 'web', shareProcessNamespace: true },
    })
    const before = structuredClone(original)
    const { spec } = template(original)
    expect(spec).toMatchObject({
      nodeSelector: { disk: 'ssd' },
      serviceAccountName: 'web',
      shareProcessNamespace: true,
    })
    expect(spec.containers[1]).toEqual(podTemplate(before).spec.containers[1])
    expect(spec.volumes).toEqual([
      { name: 'config', configMap: { name: 'web' } },
      { name: 'podswap-agent', emptyDir: {} },
    ])
    expect(original).toEqual(before)
  })

  it('runs our init container before theirs', () => {
    const { initContainers } = template(webDeployment()).spec
    expect(initContainers?.map(({ name }) => name)).toEqual(['podswap-agent', 'migrate'])
    expect(initContainers?.[0]).toMatchObject({ image: 'node:22', command: ['node', '-e', 'start()'] })
  })

  it('has a name that is a label too, and another where that is taken', () => {
    const long = webDeployment({ metadata: { name: `${'x'.repeat(60)}.y` } })
    const { name = '' } = plan(long).clone.metadata
    expect(name).toMatch(/^x+-[0-9a-f]{8}-podswap$/)
    expect(name.length).toBeLessThanOrEqual(63)
    const other = plan(webDeployment(), {}, { cloneName: 'web-deployment-podswap' }).clone
    expect(other.metadata.name).toBe('web-deployment-podswap')
    expect(other.spec.selector.matchLabels[marks.clone]).toBe('web-deployment-podswap')
  })

  it('changes its hash with what runs, not with who runs it or the order of keys', () => {
    const hash = (workload: KubeObject, fields: Partial<Dev> = {}, more: Partial<PlanInput> = {}) =>
      plan(workload, fields, more).clone.metadata.annotations![marks.template]
    const base = hash(webDeployment())
    const { template, ...rest } = webDeployment().spec
    expect(hash({ ...webDeployment(), spec: { ...rest, template } })).toBe(base)
    expect(hash(webDeployment({ spec: { replicas: 9 } }))).toBe(base)
    expect(hash(webDeployment(), {}, { options: { ...planOptions, sessionId: 'other', since: 'later' } })).toBe(base)
    expect(hash(webDeployment(), { image: 'dev:1' })).not.toBe(base)
    expect(hash(webDeployment({ pod: { nodeName: 'b' } }))).not.toBe(base)
  })
})

describe('the dev container', () => {
  it('runs our program first, from our volume', () => {
    const { command, args, volumeMounts } = container(
      webDeployment({ container: { volumeMounts: [{ name: 'config', mountPath: '/etc/web' }] } }),
    )
    expect(command?.slice(0, 2)).toEqual(['/podswap/init', 'boot'])
    expect(args).toBeUndefined()
    expect(volumeMounts).toEqual([
      { name: 'config', mountPath: '/etc/web' },
      { name: 'podswap-agent', mountPath: '/podswap' },
    ])
  })

  it('is the first container, or the one that is named', () => {
    expect(plan(webDeployment()).record.container).toBe('app')
    const named = template(webDeployment(), { container: 'side', image: 'dev:1' }).spec.containers
    expect(named[0]).toEqual(podTemplate(webDeployment()).spec.containers[0])
    expect(named[1]).toMatchObject({
      name: 'side',
      image: 'dev:1',
      command: ['/podswap/init', 'boot', ...named[1]!.command!.slice(2)],
    })
    expect(() => plan(webDeployment(), { container: 'ap' })).toThrow(
      expect.objectContaining({
        code: 'not-found',
        hint: 'it has: app, side',
        at: expect.objectContaining({ line: 2 }),
      }),
    )
  })

  it('keeps its own image and pull policy where none is given, and neither with another image', () => {
    expect(container(webDeployment())).toMatchObject({ image: 'shop/web:7', imagePullPolicy: 'Always' })
    expect(container(webDeployment(), { image: 'dev:1' })).toMatchObject({ image: 'dev:1' })
    expect(container(webDeployment(), { image: 'dev:1' })).not.toHaveProperty('imagePullPolicy')
    expect(container(webDeployment(), { imagePullPolicy: 'Never' })).toMatchObject({ imagePullPolicy: 'Never' })
  })

  it('does not have the runtime make its folder as root', () => {
    const original = webDeployment({ container: { workingDir: '/srv' } })
    expect(container(original).workingDir).toBe('/srv')
    expect(container(original, { workdir: '/app' }).workingDir).toBe('/srv')
    expect(container(original, { image: 'dev:1' }).workingDir).toBe('/srv')
    expect(container(original, { image: 'dev:1', workdir: '/app' })).not.toHaveProperty('workingDir')
  })

  it('merges the environment where it stood, so that later values can refer to it', () => {
    const env = [
      { name: 'A', value: '1' },
      { name: 'SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      { name: 'A', value: '2' },
      { name: 'B', value: '$(A)' },
    ]
    const environment = [
      { name: 'NEW', value: 'n' },
      { name: 'A', value: 'mine' },
      { name: 'SECRET', value: '' },
    ]
    expect(container(webDeployment({ container: { env } }), { environment }).env).toEqual([
      { name: 'A', value: 'mine' },
      { name: 'SECRET', value: '' },
      { name: 'B', value: '$(A)' },
      { name: 'NEW', value: 'n' },
    ])
    expect(container(webDeployment({ container: { env } })).env).toEqual(env)
    expect(container(webDeployment())).not.toHaveProperty('env')
  })

  it('has no probes and no hooks, and says so', () => {
    const original = webDeployment({
      container: { livenessProbe: {}, readinessProbe: {}, startupProbe: {}, lifecycle: { preStop: {} } },
    })
    for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
      expect(container(original)).not.toHaveProperty(field)
    }
    expect(container(original).lifecycle).toEqual(container(webDeployment()).lifecycle)
    expect(plan(original).warnings).toEqual([
      'the probes of app are off: Services send it traffic before the app listens',
      'the lifecycle hooks of app are off',
    ])
    expect(plan(webDeployment()).warnings).toEqual([])
  })

  it('answers a while longer when it ends, unless the original waits for its end', () => {
    const linger = expect.arrayContaining(['/podswap/init', expect.stringMatching(/^setTimeout\(.*1500\)$/)])
    expect(container(webDeployment()).lifecycle).toEqual({ preStop: { exec: { command: linger } } })
    const shared = { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }] }
    expect(container(webDeployment({ pod: shared }))).not.toHaveProperty('lifecycle')
    expect(container(dbStatefulSet())).not.toHaveProperty('lifecycle')
  })

  it('keeps its security context but for what the manifest says; fsGroup is the pod’s', () => {
    const original = webDeployment({
      container: { securityContext: { readOnlyRootFilesystem: true, runAsUser: 5 } },
      pod: { securityContext: { runAsNonRoot: true } },
    })
    const { spec } = template(original, { securityContext: { runAsUser: 1000, fsGroup: 70 } })
    expect(spec.containers[0]?.securityContext).toEqual({ readOnlyRootFilesystem: true, runAsUser: 1000 })
    expect(spec.securityContext).toEqual({ runAsNonRoot: true, fsGroup: 70 })
    expect(spec.initContainers?.[0]?.securityContext).toMatchObject({ runAsUser: 1000, runAsNonRoot: true })
  })

  it('leaves the init container’s user to a cluster that assigns users', () => {
    const original = webDeployment({ pod: { securityContext: { runAsNonRoot: true } } })
    const user = (more: Partial<PlanInput>) =>
      template(original, {}, more).spec.initContainers?.[0]?.securityContext?.runAsUser
    expect(user({})).toBe(65532)
    expect(user({ assignsUsers: true })).toBeUndefined()
  })

  it('refuses a container that has something of its own at our place', () => {
    const mounted = (mountPath: string) =>
      plan(webDeployment({ container: { volumeMounts: [{ name: 'config', mountPath }] } }))
    expect(() => mounted('/podswap/x')).toThrow(expect.objectContaining({ code: 'unsupported' }))
    expect(() => mounted('/podswap')).toThrow(expect.objectContaining({ code: 'unsupported' }))
    expect(() => mounted('/podswapped')).not.toThrow()
  })
})

describe('resources', () => {
  const resources = (own: object | undefined, wanted?: Dev['resources'], defaults?: PlanInput['defaults']) =>
    container(
      webDeployment({ container: { resources: own } }),
      wanted ? { resources: wanted } : {},
      defaults ? { defaults } : {},
    ).resources

  it('stay unlimited where they are', () => {
    expect(container(webDeployment())).not.toHaveProperty('resources')
    expect(resources({ requests: { cpu: '100m' } })).toEqual({ requests: { cpu: '100m' } })
  })

  it('get room for the agent above the limits that there are, while requests stay', () => {
    expect(
      resources({ requests: { memory: '100Mi' }, limits: { cpu: '1', memory: '512Mi', 'ephemeral-storage': '1Gi' } }),
    ).toEqual({
      requests: { memory: '100Mi', 'ephemeral-storage': '1Gi' },
      limits: { cpu: '1', memory: '768Mi', 'ephemeral-storage': '1536Mi' },
    })
    expect(resources({ limits: { memory: '0.5G' } })).toEqual({
      requests: { memory: '0.5G' },
      limits: { memory: `${500_000_000 + 256 * 2 ** 20}` },
    })
  })

  it('are the manifest’s where it says so, as they stand', () => {
    const own = { requests: { memory: '100Mi' }, limits: { memory: '512Mi' } }
    expect(resources(own, { requests: { memory: '1Gi' }, limits: { memory: '2Gi', 'nvidia.com/gpu': '1' } })).toEqual({
      requests: { memory: '1Gi' },
      limits: { memory: '2Gi', 'nvidia.com/gpu': '1' },
    })
    expect(resources(own, { requests: { cpu: '1' } })).toEqual({
      requests: { cpu: '1', memory: '512Mi' },
      limits: { memory: '768Mi' },
    })
  })

  it('write out a LimitRange’s defaults, raised: left out they would be filled in again', () => {
    const defaults = {
      requests: { cpu: '100m', memory: '64Mi' },
      limits: { cpu: '500m', memory: '128Mi', 'ephemeral-storage': '50Mi' },
    }
    expect(resources({ limits: { cpu: '2' } }, undefined, defaults)).toEqual({
      requests: { memory: '64Mi', 'ephemeral-storage': '50Mi' },
      limits: { cpu: '2', memory: '384Mi', 'ephemeral-storage': '562Mi' },
    })
    expect(plan(webDeployment(), {}, { defaults }).record.defaults).toEqual(defaults)
  })

  it('of a pod show what its template lacks', () => {
    const workload = webDeployment({ container: { resources: { limits: { memory: '1Gi' } } } })
    const pod: KubeObject = {
      metadata: {},
      spec: {
        containers: [{ name: 'app', resources: { requests: { cpu: '1' }, limits: { memory: '1Gi', cpu: '2' } } }],
      },
    }
    expect(defaultsSeen(podTemplate(workload), pod, 'app')).toEqual({ requests: { cpu: '1' }, limits: { cpu: '2' } })
  })
})

describe('the record', () => {
  it('is in the patch that scales, checked by uid and version, and in full on the clone', () => {
    const { scalePatch, record, clone } = plan(webDeployment())
    expect(scalePatch).toEqual({
      metadata: {
        uid: 'uid-web',
        resourceVersion: '77',
        labels: { [marks.undo]: 'r2', [marks.session]: expect.stringMatching(/^k3f9\.[0-9a-f]{8}$/) },
      },
      spec: { replicas: 0 },
    })
    expect(record).toEqual({
      version: 1,
      kind: 'Deployment',
      name: 'web',
      uid: 'uid-web',
      dev: 'web',
      container: 'app',
      replicas: 2,
      session: 'k3f9',
      owner: 'ann@laptop',
      since: '2026-11-21T08:00:00.000Z',
    })
    expect(readRecord(clone)).toEqual(record)
  })

  it('keeps what was before where the original is at 0 by our doing', () => {
    const swapped = webDeployment({ spec: { replicas: 0 }, metadata: { labels: { [marks.undo]: 'r3' } } })
    expect(plan(swapped).record.replicas).toBe(3)
    const { record: earlier } = plan(webDeployment())
    const labelless = webDeployment({ spec: { replicas: 0 } })
    expect(plan(labelless, {}, { earlier }).record.replicas).toBe(2)
    expect(plan(labelless, {}, { earlier: { ...earlier, uid: 'another' } }).record.replicas).toBe(0)
    expect(plan(labelless).record.replicas).toBe(0)
  })

  it('takes a value that somebody set meanwhile', () => {
    const scaledUp = webDeployment({ spec: { replicas: 5 }, metadata: { labels: { [marks.undo]: 'r3' } } })
    expect(plan(scaledUp).record.replicas).toBe(5)
  })

  it('keeps since when the same person resumes', () => {
    const { record: earlier } = plan(webDeployment())
    const options = { ...planOptions, since: 'later', sessionId: 'next' }
    expect(plan(webDeployment(), {}, { earlier, options }).record).toMatchObject({
      since: earlier.since,
      session: 'next',
    })
    expect(plan(webDeployment(), {}, { earlier, options: { ...options, owner: 'ben@desk' } }).record.since).toBe(
      'later',
    )
  })

  it('remembers who owned the fields that the swap takes', () => {
    const fields = (replicas: object) => ({ 'f:spec': { ...replicas, 'f:template': {} } })
    const managedFields = [
      { manager: 'flux', operation: 'Apply', fieldsV1: fields({ 'f:replicas': {} }) },
      { manager: 'kubectl', operation: 'Update', fieldsV1: fields({}) },
      { manager: 'podswap', operation: 'Update', fieldsV1: fields({ 'f:replicas': {} }) },
    ]
    const { record } = plan(webDeployment({ metadata: { managedFields } }))
    expect(record.owners).toEqual([
      { manager: 'flux', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ])
    const resumed = plan(
      webDeployment({ spec: { replicas: 0 }, metadata: { managedFields: managedFields.slice(2) } }),
      {},
      { earlier: record },
    )
    expect(resumed.record.owners).toEqual(record.owners)
  })
})

describe('a StatefulSet', () => {
  it('lends the clone its first pod’s name, labels and claims', () => {
    const { clone, record, waitOldGone } = plan(dbStatefulSet())
    expect(clone).toMatchObject({ kind: 'Deployment', metadata: { name: 'db-podswap' } })
    expect(clone.metadata.ownerReferences).toMatchObject([{ kind: 'StatefulSet', name: 'db' }])
    expect(podTemplate(clone)).toMatchObject({
      metadata: {
        labels: {
          app: 'db',
          'statefulset.kubernetes.io/pod-name': 'db-0',
          'apps.kubernetes.io/pod-index': '0',
          [marks.clone]: 'db-podswap',
        },
      },
      spec: {
        hostname: 'db-0',
        subdomain: 'db-headless',
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } }, { name: 'podswap-agent' }],
      },
    })
    expect(record).toMatchObject({ kind: 'StatefulSet', replicas: 2 })
    expect(waitOldGone).toBe(true)
  })

  it('may count from another ordinal', () => {
    const { hostname, volumes } = template(dbStatefulSet({ spec: { ordinals: { start: 3 } } })).spec
    expect(hostname).toBe('db-3')
    expect(volumes?.[0]).toMatchObject({ persistentVolumeClaim: { claimName: 'data-db-3' } })
  })

  it('keeps its claims while it is at 0', () => {
    const deletes = dbStatefulSet({
      spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' } },
    })
    expect(plan(deletes).scalePatch).toMatchObject({
      metadata: { labels: { [marks.undo]: 'r2.wDelete' } },
      spec: { replicas: 0, persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain' } },
    })
    expect(plan(dbStatefulSet()).scalePatch).toMatchObject({ spec: { replicas: 0 } })
    expect(plan(dbStatefulSet()).scalePatch).not.toHaveProperty('spec.persistentVolumeClaimRetentionPolicy')
  })
})

describe('waiting for the old pod', () => {
  const mounting = (source: object, readOnly?: boolean) => ({
    container: { volumeMounts: [{ name: 'd', mountPath: '/d', ...(readOnly && { readOnly }) }] },
    pod: { volumes: [{ name: 'd', ...source }] },
  })

  it.each<[string, boolean, KubeObject]>([
    ['nothing shared', false, webDeployment()],
    ['a claim', true, webDeployment({ pod: { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }] } })],
    ['a folder of the node', true, webDeployment(mounting({ hostPath: { path: '/srv' } }))],
    ['a folder of the node, to read', false, webDeployment(mounting({ hostPath: { path: '/srv' } }, true))],
    ['a share of the network', true, webDeployment(mounting({ nfs: { server: 'files', path: '/' } }))],
    [
      'a share that is only read',
      false,
      webDeployment(mounting({ nfs: { server: 'files', path: '/', readOnly: true } })),
    ],
    ['a share that nothing mounts', false, webDeployment({ pod: mounting({ nfs: {} }).pod })],
    ['what a driver makes for each pod', false, webDeployment(mounting({ csi: { driver: 'secrets.example.com' } }))],
    ['a memory of the pod’s own', false, webDeployment(mounting({ emptyDir: { medium: 'Memory' } }))],
    ['a claim of each pod’s own', false, webDeployment({ pod: { volumes: [{ name: 'd', ephemeral: {} }] } })],
    ['a port of the node', true, webDeployment({ container: { ports: [{ containerPort: 80, hostPort: 80 }] } })],
    ['a port', false, webDeployment({ container: { ports: [{ containerPort: 80 }] } })],
    ['the node’s network', true, webDeployment({ pod: { hostNetwork: true } })],
    ['a rollout one after the other', true, webDeployment({ spec: { strategy: { type: 'Recreate' } } })],
    ['a StatefulSet’s identity', true, dbStatefulSet({ spec: { volumeClaimTemplates: [] } })],
  ])('%s: %s', (_name, expected, workload) => {
    expect(sharesWithOld(workload)).toBe(expected)
    expect(plan(workload).waitOldGone).toBe(expected)
  })
})

it('another kind is refused', () => {
  const job = { ...webDeployment(), kind: 'Job' }
  expect(() => plan(job)).toThrow(expect.objectContaining({ code: 'unsupported' }))
})

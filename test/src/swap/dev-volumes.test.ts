import { describe, expect, it } from 'vitest'
import type { Dev } from '../../../src/manifest/manifest.ts'
import { planSwap } from '../../../src/swap/plan.ts'
import { podTemplate } from '../../../src/swap/pod-template.ts'
import { dev, planOptions, webDeployment } from './shapes.ts'

const at = { file: '/code/dev.yml', line: 4, column: 7 }
const folder = { local: '/code', remote: '/app', mode: 'two-way', initial: 'mirror', at } as const

function plan(fields: Partial<Dev>, { claim, mounts = [] }: { claim?: string; mounts?: object[] } = {}) {
  const workload = webDeployment({ container: { volumeMounts: mounts } })
  const { clone, record, warnings } = planSwap({
    workload,
    dev: dev({ sync: [folder], ...fields }),
    options: planOptions,
    ...(claim && { claim }),
  })
  const { spec } = podTemplate(clone)
  const isOurs = ({ name }: { name: string }) => name.startsWith('podswap-') && name !== 'podswap-agent'
  return {
    volumes: spec.volumes?.filter(isOurs),
    mounts: spec.containers[0]?.volumeMounts?.filter(isOurs),
    others: spec.containers.slice(1),
    record,
    warnings,
  }
}

const volumes = [
  { path: '/root/.cache', at },
  { path: '/app/node_modules', at },
]

describe('volumes', () => {
  it('are none of ours where none is asked for', () => {
    expect(plan({})).toMatchObject({ volumes: [], mounts: [], warnings: [] })
  })

  it('are folders of an emptyDir where nothing is kept', () => {
    const { volumes: made, mounts, others } = plan({ volumes })
    expect(made).toEqual([{ name: 'podswap-volumes', emptyDir: {} }])
    expect(mounts).toEqual([
      { name: 'podswap-volumes', mountPath: '/root/.cache', subPath: 'volumes/root/.cache' },
      { name: 'podswap-volumes', mountPath: '/app/node_modules', subPath: 'volumes/app/node_modules' },
    ])
    expect(JSON.stringify(others)).not.toContain('podswap')
  })

  it('lie in the claim, with the synced folders, where they are kept', () => {
    const { volumes: made, mounts, record } = plan({ volumes }, { claim: 'web-podswap-1234' })
    expect(made).toEqual([{ name: 'podswap-volumes', persistentVolumeClaim: { claimName: 'web-podswap-1234' } }])
    expect(mounts?.map(({ mountPath, subPath }) => [mountPath, subPath])).toEqual([
      ['/app', 'sync/app'],
      ['/root/.cache', 'volumes/root/.cache'],
      ['/app/node_modules', 'volumes/app/node_modules'],
    ])
    expect(record.claim).toBe('web-podswap-1234')
  })

  it('do not cover what the container mounts already, and say so', () => {
    const mounts = [{ name: 'data', mountPath: '/root/.cache/' }]
    expect(plan({ volumes }, { mounts })).toMatchObject({
      mounts: [{ mountPath: '/app/node_modules' }],
      warnings: ['/root/.cache stays what app mounts there: the volume data'],
    })
  })
})

describe('initFromImage', () => {
  const filled = (fields: Partial<Dev>, claim?: string) => {
    const input = { workload: webDeployment(), options: planOptions, ...(claim && { claim }) }
    const { clone } = planSwap({ ...input, dev: dev({ sync: [folder], initFromImage: true, ...fields }) })
    return podTemplate(clone).spec.initContainers
  }

  it('fills our volume in a container of the dev image, before the original’s own init containers', () => {
    const security = { runAsUser: 1000, privileged: true }
    const containers = filled({ volumes, image: 'node:22', securityContext: security }, 'web-podswap-1234')
    expect(containers?.map(({ name }) => name)).toEqual(['podswap-agent', 'podswap-volumes', 'migrate'])
    expect(containers?.[1]).toMatchObject({
      image: 'node:22',
      securityContext: security,
      volumeMounts: [
        { name: 'podswap-agent', mountPath: '/podswap' },
        { name: 'podswap-volumes', mountPath: '/podswap-volumes' },
      ],
    })
    const [folders, into, script] = [...(containers?.[1]?.command ?? [])].reverse()
    expect([script, into]).toEqual(['/podswap/fill.cjs', '/podswap-volumes'])
    expect(JSON.parse(folders ?? '')).toEqual([
      { from: '/app', to: 'sync/app' },
      { from: '/root/.cache', to: 'volumes/root/.cache' },
      { from: '/app/node_modules', to: 'volumes/app/node_modules' },
    ])
  })

  it('says paths so that Kubernetes leaves them as they are', () => {
    const containers = filled({ volumes: [{ path: '/a$(HOME)$$b', at }] })
    const folders = containers?.[1]?.command?.at(-1) ?? ''
    expect(folders).not.toContain('$')
    expect(JSON.parse(folders)).toEqual([{ from: '/a$(HOME)$$b', to: 'volumes/a$(HOME)$$b' }])
  })

  it('does nothing where there is no volume of ours', () => {
    expect(filled({})?.map(({ name }) => name)).toEqual(['podswap-agent', 'migrate'])
  })
})

describe('externalVolumes', () => {
  it('are mounted, each claim once', () => {
    const externalVolumes = [
      { claim: 'shared', path: '/a', at },
      { claim: 'shared', path: '/b', subPath: 'x/y', at },
      { claim: 'other', path: '/c', at },
    ]
    const { volumes: made, mounts } = plan({ externalVolumes })
    expect(made).toEqual([
      { name: 'podswap-external-1', persistentVolumeClaim: { claimName: 'shared' } },
      { name: 'podswap-external-2', persistentVolumeClaim: { claimName: 'other' } },
    ])
    expect(mounts).toEqual([
      { name: 'podswap-external-1', mountPath: '/a' },
      { name: 'podswap-external-1', mountPath: '/b', subPath: 'x/y' },
      { name: 'podswap-external-2', mountPath: '/c' },
    ])
  })

  it('are refused where something is mounted', () => {
    const externalVolumes = [{ claim: 'shared', path: '/root/.cache', at }]
    expect(() => plan({ volumes, externalVolumes })).toThrow('cannot mount shared at /root/.cache')
    const mounts = [{ name: 'data', mountPath: '/root/.cache' }]
    expect(() => plan({ externalVolumes }, { mounts })).toThrow('data is mounted there')
  })
})

describe('a secret', () => {
  const secrets = [{ local: '/code/key', remote: '/data/conf/key', mode: 0o600, at }]
  const planWith = (volume: object, fields: Partial<Dev> = {}) =>
    planSwap({
      workload: webDeployment({
        container: { volumeMounts: [{ name: 'store', mountPath: '/data' }] },
        pod: { volumes: [{ name: 'store', ...volume }] },
      }),
      dev: dev({ secrets, ...fields }),
      options: planOptions,
    })

  it('is refused in a volume that outlives the dev pod', () => {
    for (const volume of [{ persistentVolumeClaim: { claimName: 'store' } }, { hostPath: { path: '/srv' } }]) {
      expect(() => planWith(volume)).toThrow(expect.objectContaining({ code: 'unsupported', at }))
    }
    const externalVolumes = [{ claim: 'cache', path: '/data/conf', at }]
    expect(() => planWith({ emptyDir: {} }, { externalVolumes })).toThrow(/outlives the dev pod/)
  })

  it('may lie in one that goes with the pod', () => {
    const passing = [{ emptyDir: {} }, { ephemeral: {} }, { csi: { driver: 'secrets.example.com' } }]
    for (const volume of passing) expect(() => planWith(volume)).not.toThrow()
  })
})

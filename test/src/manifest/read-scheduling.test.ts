import { describe, expect, it } from 'vitest'
import { devErrors, load, loadDev } from './laptop.ts'

describe('where a pod runs and as whom', () => {
  it('is read in Kubernetes’ own forms', () => {
    const { scheduling, warnings } = loadDev(
      [
        'nodeSelector: {disk: ssd, "topology.kubernetes.io/zone": "${ZONE}", on: true}',
        'affinity:',
        '  nodeAffinity:',
        '    preferredDuringSchedulingIgnoredDuringExecution:',
        '    - weight: 10',
        '      preference: {matchExpressions: [{key: cpus, operator: Gt, values: [4]}]}',
        '  podAntiAffinity:',
        '    requiredDuringSchedulingIgnoredDuringExecution:',
        '    - topologyKey: kubernetes.io/hostname',
        '      labelSelector: {matchLabels: {canary: true}}',
        '      namespaceSelector: {}',
        '  podAffinity:',
        'tolerations:',
        '- {key: gpu, operator: Equal, value: "yes", effect: NoExecute, tolerationSeconds: 60}',
        '- operator: Exists',
        'serviceAccount: builder.ci',
        'priorityClassName: low',
      ].join('\n'),
      { env: { ZONE: 'a' } },
    )
    expect(warnings).toEqual([])
    expect(scheduling).toEqual({
      nodeSelector: { disk: 'ssd', 'topology.kubernetes.io/zone': 'a', on: 'true' },
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 10, preference: { matchExpressions: [{ key: 'cpus', operator: 'Gt', values: ['4'] }] } },
          ],
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            {
              topologyKey: 'kubernetes.io/hostname',
              labelSelector: { matchLabels: { canary: 'true' } },
              namespaceSelector: {},
            },
          ],
        },
      },
      tolerations: [
        { key: 'gpu', operator: 'Equal', value: 'yes', effect: 'NoExecute', tolerationSeconds: 60 },
        { operator: 'Exists' },
      ],
      serviceAccount: 'builder.ci',
      priorityClassName: 'low',
    })
  })

  it('is nothing where the fields say nothing', () => {
    const dev = loadDev('nodeSelector: {}\naffinity: {}\ntolerations: []\nserviceAccount: ""\npriorityClassName:')
    expect(dev).not.toHaveProperty('scheduling')
    expect(dev.warnings).toEqual([])
  })

  it('takes a label that is called weight for a label', () => {
    const term = 'labelSelector: {matchLabels: {weight: heavy}}'
    const fields = `affinity: {podAffinity: {required: [{${term}}], preferred: [{weight: 5, podAffinityTerm: {${term}}}]}}`
    const selector = { labelSelector: { matchLabels: { weight: 'heavy' } } }
    expect(loadDev(fields).scheduling!.affinity!.podAffinity).toEqual({
      required: [selector],
      preferred: [{ weight: 5, podAffinityTerm: selector }],
    })
  })

  it('takes an empty effect for every effect', () => {
    const { scheduling, warnings } = loadDev('tolerations: [{key: gpu, operator: Equal, value: "1", effect: ""}]')
    expect(scheduling!.tolerations).toEqual([{ key: 'gpu', operator: 'Equal', value: '1' }])
    expect(warnings).toEqual([])
  })

  it('warns of a slip', () => {
    const dev = loadDev('affinity: {nodeAfinity: {a: b}}\ntolerations:\n- {key: a, opperator: Exists}')
    expect(dev.warnings).toEqual([
      '3:16 unknown field `nodeAfinity`; it is passed over',
      '5:16 unknown field `opperator`; it is passed over',
    ])
  })

  it.each<[string, string[]]>([
    ['nodeSelector: [disk]', ['3:19 `nodeSelector` must be a map, not a list']],
    ['nodeSelector: {disk: "a b"}', ['3:26 "a b" is not the value of a label']],
    ['nodeSelector: {disk: {a: b}}', ['3:26 `disk` must be a single value, not a map']],
    ['affinity: zone', ['3:15 `affinity` must be a map, not a single value']],
    ['affinity: {nodeAffinity: [1]}', ['3:30 `nodeAffinity` must be a map, not a list']],
    [
      'affinity: {nodeAffinity: {a: [{weight: 101, preference: {}}]}}',
      ['3:44 `weight` must be a number from 1 to 100, not "101"'],
    ],
    [`affinity: {nodeAffinity: ${'{a: '.repeat(22)}b${'}'.repeat(22)}}`, ['3:114 `affinity` is nested deeper than 20']],
    ['tolerations: {key: a}', ['3:18 `tolerations` must be a list, not a map']],
    ['tolerations: [gpu]', ['3:19 a toleration must be a map, not a single value']],
    ['tolerations: [{effect: NoSchedule}]', ['3:19 a toleration needs `key`']],
    ['tolerations: [{key: a b}]', ['3:25 "a b" is not the key of a taint']],
    ['tolerations: [{key: a, value: "b c"}]', ['3:35 "b c" is not the value of a taint']],
    [
      'tolerations: [{key: a, effect: noschedule}]',
      ['3:36 `effect` must be NoSchedule, PreferNoSchedule or NoExecute, not "noschedule"'],
    ],
    ['tolerations: [{key: a, operator: Exists, value: b}]', ['3:53 `value` has no place beside `operator: Exists`']],
    ['tolerations: [{key: a, tolerationSeconds: 5}]', ['3:47 `tolerationSeconds` goes with `effect: NoExecute` alone']],
    ['serviceAccount: My_Account', ['3:21 "My_Account" is not the name of a service account']],
    ['priorityClassName: [low]', ['3:24 `priorityClassName` must be a single value, not a list']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('metadata', () => {
  it('is read with its variables filled in', () => {
    const fields = 'metadata:\n  labels: {team: "${TEAM}", empty:}\n  annotations: {note: "by ${TEAM}, 1", on: false}'
    expect(loadDev(fields, { env: { TEAM: 'shop' } })).toMatchObject({
      metadata: { labels: { team: 'shop', empty: '' }, annotations: { note: 'by shop, 1', on: 'false' } },
      warnings: [],
    })
  })

  it('has the annotations of v1, to which its own come first', () => {
    const { devs } = load('name: web\nannotations: {a: old, b: old}\nmetadata: {annotations: {a: new}}\n')
    expect(devs[0]!.metadata).toEqual({ annotations: { a: 'new', b: 'old' } })
    expect(loadDev('metadata: {labels: {}}\nannotations:')).not.toHaveProperty('metadata')
  })

  it.each<[string, string[]]>([
    ['metadata: [a]', ['3:15 `metadata` must be a map, not a list']],
    ['metadata: {labels: {a: "b c"}}', ['3:28 "b c" is not the value of a label']],
    ['metadata: {annotations: {"a b": c}}', ['3:30 "a b" is not the name of an annotation']],
    ['metadata: {labels: {podswap.dev/clone: x}}', ['3:25 "podswap.dev/clone" is podswap’s own']],
    ['annotations: {podswap.dev/record: x}', ['3:19 "podswap.dev/record" is podswap’s own']],
    ['metadata: {labels: {pod-template-hash: x}}', ['3:25 "pod-template-hash" is the cluster’s to set']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('timeout', () => {
  it.each<[string, number | undefined]>([
    ['timeout: 120s', 120_000],
    ['timeout: 90', 90_000],
    ['timeout: 1m30s', 90_000],
    ['timeout: 1.5h', 5_400_000],
    ['timeout: {default: 60s, resources: 10m}', 600_000],
    ['timeout: {default: 60s}', 60_000],
    ['timeout: {}', undefined],
    ['timeout:', undefined],
  ])('%j', (fields, podTimeoutMs) => {
    const dev = loadDev(fields)
    expect(dev.podTimeoutMs).toBe(podTimeoutMs)
    expect(dev.warnings).toEqual([])
  })

  it.each<[string, string[]]>([
    ['timeout: soon', ['3:14 `timeout` must be a duration, not "soon"']],
    ['timeout: 0', ['3:14 `timeout` must be a duration, not "0"']],
    ['timeout: -5s', ['3:14 `timeout` must be a duration, not "-5s"']],
    ['timeout: 25h', ['3:14 `timeout` must be a duration, not "25h"']],
    ['timeout: {resources: 5 s}', ['3:26 `timeout.resources` must be a duration, not "5 s"']],
    ['timeout: [1s]', ['3:14 `timeout` must be a single value, not a list']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

describe('autocreate', () => {
  it('is read', () => {
    expect(loadDev('autocreate: true')).toMatchObject({ autocreate: true, warnings: [] })
    expect(loadDev('autocreate: false')).not.toHaveProperty('autocreate')
    expect(devErrors('autocreate: maybe')).toEqual(['3:17 `autocreate` must be true or false, not "maybe"'])
  })
})

describe('replicas', () => {
  it('of a dev are one', () => {
    expect(loadDev('replicas: 1').warnings).toEqual([])
    expect(loadDev('replicas: 3').warnings).toEqual(['3:5 has no effect here: replicas'])
    expect(devErrors('replicas: many')).toEqual(['3:15 `replicas` must be a whole number, not "many"'])
  })
})

describe('securityContext', () => {
  it('takes what goes beyond Okteto', () => {
    const fields =
      'securityContext:\n  privileged: true\n  seccompProfile: {type: Localhost, localhostProfile: a.json}\n' +
      '  seLinuxOptions: {level: "s0:c1", type: t}'
    expect(loadDev(fields)).toMatchObject({
      securityContext: {
        privileged: true,
        seccompProfile: { type: 'Localhost', localhostProfile: 'a.json' },
        seLinuxOptions: { level: 's0:c1', type: 't' },
      },
      warnings: [],
    })
  })

  it.each<[string, string[]]>([
    ['securityContext: {seccompProfile: {}}', ['3:39 `seccompProfile` needs `type`']],
    [
      'securityContext: {seccompProfile: {type: default}}',
      ['3:46 `type` must be RuntimeDefault, Unconfined or Localhost, not "default"'],
    ],
    [
      'securityContext: {seccompProfile: {type: Localhost}}',
      ['3:39 `localhostProfile` goes with `type: Localhost`, and with no other'],
    ],
    ['securityContext: {seLinuxOptions: s0}', ['3:39 `seLinuxOptions` must be a map, not a single value']],
  ])('%j is refused', (fields, expected) => {
    expect(devErrors(fields)).toEqual(expected)
  })
})

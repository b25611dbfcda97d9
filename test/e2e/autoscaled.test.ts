import { expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

it('an autoscaler is named, and left as it is', { timeout: 300_000 }, async () => {
  await using session = await DevSession.create({ purpose: 'scaled', workload: { replicas: 2 } })
  const { admin } = session.namespace
  const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
  await admin.apply({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web' },
    spec: { scaleTargetRef: target, minReplicas: 2, maxReplicas: 4 },
  })
  const spec = async () => JSON.stringify((await admin.get('hpa', 'web')).spec)
  const before = await spec()
  const { stdout } = await session.laptop.ok(['up', '--detach', ...session.target])
  expect(stdout).toContain('the autoscaler web is paused while deployment/web is at 0')
  expect(await spec()).toBe(before)
  await session.down()
  expect(await spec()).toBe(before)
  await admin.run(['delete', 'hpa', 'web'])
  await expectRestored(admin, session.was)
})

it('KEDA is named with what pauses it, and what it scales up counts as drift', { timeout: 300_000 }, async () => {
  await using session = await DevSession.create({ purpose: 'keda' })
  const { admin } = session.namespace
  await admin.apply({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'keda-hpa-queue' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 1,
      maxReplicas: 4,
    },
  })
  const up = session.laptop.start(['up', ...session.target])
  await session.laptop.untilState('ready', session.target)
  expect(up.stdout).toContain('KEDA (autoscaler keda-hpa-queue) may scale deployment/web up again')
  expect(up.stdout).toContain('annotate scaledobject queue autoscaling.keda.sh/paused=true')
  // as its operator does, past the autoscaler that 0 replicas pause
  const scale = ['patch', 'deployment', 'web', '--subresource=scale', '--type=merge', '--field-manager=keda']
  await admin.run([...scale, '-p', JSON.stringify({ spec: { replicas: 1 } })])
  const counted = /web was scaled to 1 replica by keda; it is at 0 again \(1 of 3\)/
  await until('it is counted', () => counted.test(up.stdout))
  await admin.run(['delete', 'hpa', 'keda-hpa-queue'])
  await session.down()
  await expectRestored(admin, session.was)
})

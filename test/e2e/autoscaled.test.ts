import { expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { expectRestored } from './support/traces.ts'

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

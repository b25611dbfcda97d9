import { describe, expect, it } from 'vitest'
import { checkWarnings, withKeptChecks } from '../../../src/swap/checks.ts'

const container = {
  name: 'app',
  image: 'shop/web:7',
  livenessProbe: { httpGet: { path: '/live', port: 80 } },
  readinessProbe: { httpGet: { path: '/ready', port: 80 } },
  startupProbe: { tcpSocket: { port: 80 } },
  lifecycle: { postStart: { exec: { command: ['a'] } }, preStop: { exec: { command: ['b'] } } },
}

describe('the original’s probes and hooks', () => {
  it('are off unless the dev keeps them', () => {
    expect(withKeptChecks(container, {})).toEqual({ name: 'app', image: 'shop/web:7' })
    expect(container).toHaveProperty('livenessProbe')
  })

  it('are kept one by one', () => {
    const { name, image, readinessProbe, lifecycle } = container
    expect(withKeptChecks(container, { probes: ['readiness'], lifecycle: ['preStop'] })).toEqual({
      name,
      image,
      readinessProbe,
      lifecycle: { preStop: lifecycle.preStop },
    })
    expect(
      withKeptChecks(container, {
        probes: ['liveness', 'readiness', 'startup'],
        lifecycle: ['postStart', 'preStop'],
      }),
    ).toEqual(container)
  })

  it('yield to the dev’s own hooks', () => {
    const own = { hooks: { postStart: ['sh', '-c', 'x'] }, lifecycle: ['preStop' as const] }
    expect(withKeptChecks(container, own)).toMatchObject({
      lifecycle: { postStart: { exec: { command: ['sh', '-c', 'x'] } }, preStop: container.lifecycle.preStop },
    })
    expect(checkWarnings({ name: 'app', lifecycle: { postStart: container.lifecycle.postStart } }, own)).toEqual([])
  })

  it('that are off are said, and those on that may restart the container', () => {
    expect(checkWarnings(container, {})).toEqual([
      'the probes of app are off: Services send it traffic before the app listens',
      'the lifecycle hooks of app are off',
    ])
    expect(
      checkWarnings(container, { probes: ['liveness', 'readiness'], lifecycle: ['postStart', 'preStop'] }),
    ).toEqual([
      'the probes of app are off',
      'the liveness probe of app is kept: while the dev command does not answer it, the cluster restarts the container',
    ])
    expect(checkWarnings({ name: 'app' }, { probes: ['liveness'], lifecycle: ['preStop'] })).toEqual([])
  })
})

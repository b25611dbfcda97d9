import { beforeEach, describe, expect, it } from 'vitest'
import { ServiceNames } from '../../../src/sandbox/service-names.ts'
import type { ApiObject } from '../../../src/sandbox/store/api-object.ts'
import { ObjectStore } from '../../../src/sandbox/store/object-store.ts'
import { resourceTypes } from '../../../src/sandbox/store/resource-types.ts'

describe('names and addresses of Services', () => {
  let names: ServiceNames
  beforeEach(() => {
    const store = new ObjectStore()
    names = new ServiceNames(store, () => 0.5)
    const service = (namespace: string, name: string, spec: object) =>
      store.put(resourceTypes.Service, { metadata: { namespace, name }, spec })
    const slice = (namespace: string, name: string, content: Partial<ApiObject>) =>
      store.put(resourceTypes.EndpointSlice, {
        metadata: { namespace, name: `${name}-x`, labels: { 'kubernetes.io/service-name': name } },
        ...content,
      })
    const at = (address: string, ready: boolean, hostname?: string) => ({
      addresses: [address],
      conditions: { ready },
      ...(hostname && { hostname }),
    })
    service('team', 'web', {
      clusterIP: '10.96.1.1',
      ports: [
        { port: 80, name: 'http' },
        { port: 81, name: 'admin' },
      ],
    })
    slice('team', 'web', {
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [at('127.77.0.1', true), at('127.77.0.2', false), at('127.77.0.3', true)],
    })
    service('team', 'db', { clusterIP: 'None', ports: [{ port: 5432 }] })
    slice('team', 'db', {
      ports: [{ name: '', port: 5432, protocol: 'TCP' }],
      endpoints: [at('127.77.0.4', true, 'db-0')],
    })
    service('other', 'web', { clusterIP: '10.96.2.2', ports: [{ port: 80 }] })
  })

  it('are found short and in full, from their own namespace first', () => {
    for (const host of ['web', 'WEB.', 'web.team', 'web.team.svc', 'web.team.svc.cluster.local']) {
      expect([host, names.lookup(host, 'team')]).toEqual([host, ['10.96.1.1']])
    }
    expect(names.lookup('web', 'other')).toEqual(['10.96.2.2'])
    expect(names.lookup('web.other', 'team')).toEqual(['10.96.2.2'])
  })

  it('of headless Services are their ready pods, and each pod by its hostname', () => {
    expect(names.lookup('db', 'team')).toEqual(['127.77.0.4'])
    expect(names.lookup('db-0.db', 'team')).toEqual(['127.77.0.4'])
    expect(names.lookup('db-0.db.team.svc.cluster.local', 'other')).toEqual(['127.77.0.4'])
    expect(names.lookup('db-1.db.team.svc.cluster.local', 'other')).toEqual([])
  })

  it('that are none of the cluster are left to the machine', () => {
    expect(names.lookup('example.com', 'team')).toBeNull()
    expect(names.lookup('nothing', 'team')).toBeNull()
    expect(names.lookup('nothing.team.svc.cluster.local', 'team')).toEqual([])
  })

  it('lead to ready endpoints only, by the port’s name', () => {
    expect(names.route('10.96.1.1', 80)).toEqual([
      { address: '127.77.0.1', port: 8080 },
      { address: '127.77.0.3', port: 8080 },
    ])
    expect(names.route('10.96.1.1', 81)).toEqual([])
    expect(names.route('10.96.1.1', 82)).toEqual([])
    expect(names.route('10.96.9.9', 80)).toEqual([])
    expect(names.route('192.0.2.1', 80)).toBeNull()
  })
})

import { readFile } from 'node:fs/promises'
import { loadAll } from 'js-yaml'
import { beforeAll, describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../../src/cluster/cluster.ts'
import { Access, adminGroup, anonymous, grantsOf, type Rule } from '../../../../src/sandbox/api/access.ts'

const ann = { name: 'ann', groups: ['developers'] }
const eve = { name: 'eve', groups: [] }
const admin = { name: 'root', groups: [adminGroup] }

describe('rights by manifests/rbac.yml', () => {
  let access: Access
  beforeAll(async () => {
    access = new Access(grantsOf(loadAll(await readFile('manifests/rbac.yml', 'utf8')) as KubeObject[], 'team'))
  })

  const may = (user: typeof ann, verb: string, resource: string, namespace = 'team', group = '') => {
    const [plural = '', subresource] = resource.split('/')
    return (
      access.allowed(user, { verb, group, resource: plural, namespace, ...(subresource && { subresource }) }) !==
      undefined
    )
  }

  it('are a person’s in that namespace, and nobody else’s', () => {
    expect(may(ann, 'patch', 'deployments', 'team', 'apps')).toBe(true)
    expect(may(ann, 'patch', 'deployments', 'other', 'apps')).toBe(false)
    expect(may(ann, 'patch', 'deployments', 'team', '')).toBe(false)
    expect(may(ann, 'update', 'deployments', 'team', 'apps')).toBe(false)
    expect(may(eve, 'get', 'pods')).toBe(false)
    expect(may(anonymous, 'get', 'pods')).toBe(false)
    expect(may(admin, 'delete', 'anything', 'anywhere', 'else')).toBe(true)
  })

  it('of a resource are not those of what is below it', () => {
    expect(may(ann, 'get', 'pods/exec')).toBe(true)
    expect(may(ann, 'get', 'pods/attach')).toBe(false)
    expect(may(ann, 'delete', 'pods')).toBe(false)
  })

  it('can be asked for by everybody but strangers', () => {
    const ask = { verb: 'create', group: 'authorization.k8s.io', resource: 'selfsubjectrulesreviews' }
    expect(access.allowed(eve, ask)).toContain('system:basic-user')
    expect(access.allowed(anonymous, ask)).toBeUndefined()
    expect([access.mayRead(eve, '/apis/apps'), access.mayRead(anonymous, '/apis/apps')]).toEqual([true, false])
    expect([access.mayRead(eve, '/metrics'), access.mayRead(anonymous, '/version')]).toEqual([false, true])
  })

  it('are told as rules', () => {
    const verbs = (user: typeof ann, namespace: string) =>
      access.rulesOf(user, namespace).flatMap(({ resources, verbs: each }) => (resources?.includes('pods') ? each : []))
    expect(verbs(ann, 'team')).toEqual(['get', 'list', 'watch'])
    expect(verbs(ann, 'other')).toEqual([])
    expect(access.rulesOf(admin, 'team')).toEqual([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }])
  })
})

it('a rule may be for named objects, for all verbs, and for a subresource of everything', () => {
  const access = (rule: Rule) =>
    new Access([{ namespace: 'n', binding: 'b', role: 'r', rules: [rule], subjects: [{ kind: 'User', name: 'eve' }] }])
  const attempt = { verb: 'get', group: '', resource: 'secrets', namespace: 'n' }
  const named = access({ verbs: ['*'], apiGroups: [''], resources: ['secrets'], resourceNames: ['one'] })
  expect(named.allowed(eve, { ...attempt, name: 'one' })).toBeDefined()
  expect(named.allowed(eve, { ...attempt, name: 'two' })).toBeUndefined()
  expect(named.allowed(eve, attempt)).toBeUndefined()
  const scale = access({ verbs: ['get'], apiGroups: ['*'], resources: ['*/scale'] })
  expect(scale.allowed(eve, { ...attempt, subresource: 'scale' })).toBeDefined()
  expect(scale.allowed(eve, attempt)).toBeUndefined()
})

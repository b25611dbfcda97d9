import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, fieldsOf } from '../../../../src/sandbox/fields/compare.ts'
import { fromFieldsV1, readable, toFieldsV1 } from '../../../../src/sandbox/fields/field-set.ts'
import { ownedAfterApply, ownedAfterUpdate } from '../../../../src/sandbox/fields/ownership.ts'
import type { ApiObject } from '../../../../src/sandbox/store/api-object.ts'

const time = '2026-11-21T08:00:00Z'
const update = (manager: string, at = time) => ({ manager, operation: 'Update' as const, time: at })
const apply = (manager: string) => ({ manager, operation: 'Apply' as const, time })
const object = (spec: object, more: object = {}): ApiObject => ({ apiVersion: 'apps/v1', metadata: {}, spec, ...more })
const managed = (before: ApiObject, managedFields: ApiObject['metadata']['managedFields']): ApiObject => ({
  ...before,
  metadata: { ...before.metadata, managedFields },
})

describe('field ownership', () => {
  it('passes to who changes a field; who is left with nothing goes', () => {
    const made = object({ replicas: 1, paused: true })
    const first = ownedAfterUpdate(undefined, made, update('ann'))
    const before = managed(made, first)
    const after = managed(object({ replicas: 2, paused: true }), first)
    const second = ownedAfterUpdate(before, after, update('ben'))
    expect(second.map(({ manager, fieldsV1 }) => [manager, fieldsV1])).toEqual([
      ['ann', { 'f:spec': { 'f:paused': {} } }],
      ['ben', { 'f:spec': { 'f:replicas': {} } }],
    ])
    const third = ownedAfterUpdate(managed(after, second), managed(object({ replicas: 2 }), second), update('ben'))
    expect(third.map(({ manager }) => manager)).toEqual(['ben'])
  })

  it('has a new time only where something was set', () => {
    const made = object({ replicas: 1, paused: true })
    const first = ownedAfterUpdate(undefined, made, update('ann'))
    const removed = managed(object({ replicas: 1 }), first)
    expect(ownedAfterUpdate(managed(made, first), removed, update('ann', 'later'))[0]?.time).toBe(time)
    const set = managed(object({ replicas: 5, paused: true }), first)
    expect(ownedAfterUpdate(managed(made, first), set, update('ann', 'later'))[0]?.time).toBe('later')
  })

  it('is what was sent where somebody sends it', () => {
    const made = object({ replicas: 1 })
    const first = ownedAfterUpdate(undefined, made, update('ann'))
    expect(ownedAfterUpdate(managed(made, first), managed(made, []), update('ben'))).toEqual([])
    expect(ownedAfterUpdate(managed(made, first), managed(made, [{}]), update('ben'))).toEqual([])
  })

  it('lets an apply change what is its own, and no other', () => {
    const config = object({ replicas: 1 })
    const first = ownedAfterApply(undefined, config, config, apply('kubectl'))
    const before = managed(object({ replicas: 1 }), first)
    expect(ownedAfterApply(before, object({ replicas: 2 }), object({ replicas: 2 }), apply('kubectl'))).toHaveLength(1)
    const foreign = ownedAfterUpdate(before, managed(object({ replicas: 3 }), first), update('podswap'))
    const taken = managed(object({ replicas: 3 }), foreign)
    expect(() => ownedAfterApply(taken, object({ replicas: 1 }), object({ replicas: 1 }), apply('kubectl'))).toThrow(
      'Apply failed with 1 conflict: conflict with "podswap" using apps/v1: .spec.replicas',
    )
  })
})

describe('fields', () => {
  const containers = (...list: object[]) => ({ spec: { template: { spec: { containers: list } } } })

  it('of lists with keys are owned one by one', () => {
    const { added, modified, removed } = compare(
      containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
      containers({ name: 'a', image: '2', ports: [{ containerPort: 80 }] }, { name: 'c', image: '1' }),
    )
    expect([...modified].map(readable)).toEqual(['.spec.template.spec.containers[name="a"].image'])
    expect([...added].map(readable)).toContain('.spec.template.spec.containers[name="c"]')
    expect([...added].map(readable)).toContain(
      '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].containerPort',
    )
    expect([...removed].map(readable)).toContain('.spec.template.spec.containers[name="b"].image')
  })

  it('that are the same differ in nothing, in whatever order', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true })
    fc.assert(
      fc.property(value, spec => {
        const turned = Object.fromEntries(Object.entries(spec).reverse())
        const { added, modified, removed } = compare({ spec }, { spec: turned })
        expect([added.size, modified.size, removed.size]).toEqual([0, 0, 0])
      }),
    )
  })

  it('are the same after a way through fieldsV1', () => {
    const value = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue(), { noNullPrototype: true })
    fc.assert(
      fc.property(value, spec => {
        const set = fieldsOf({ spec })
        expect(fromFieldsV1(toFieldsV1(set))).toEqual(set)
      }),
    )
  })
})

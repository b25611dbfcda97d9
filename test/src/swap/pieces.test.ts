import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cloneNames } from '../../../src/swap/clone-name.ts'
import { ownersOf, withOwners } from '../../../src/swap/field-owners.ts'
import { selectorText } from '../../../src/swap/follow.ts'
import { mergePatch } from '../../../src/swap/merge-patch.ts'
import { addBytes, parseQuantity } from '../../../src/swap/quantity.ts'
import { readSession, readUndo, sessionLabel, undoLabel } from '../../../src/swap/record.ts'
import { mergePatched } from '../cluster/memory-cluster.ts'
import { matches } from '../cluster/selectors.ts'

const Mi = 2 ** 20

describe('quantities', () => {
  it.each([
    ['0', 0],
    ['512Mi', 512 * Mi],
    ['0.5Gi', 512 * Mi],
    ['1.5G', 1.5e9],
    ['100m', 0.1],
    ['1e9', 1e9],
    ['2E3', 2000],
    ['1E', 1e18],
    ['1k', 1000],
    ['.5Ki', 512],
    ['5.', 5],
    ['64mb', undefined],
    ['', undefined],
    ['Mi', undefined],
    ['1 Gi', undefined],
  ])('%j is %s', (text, amount) => {
    expect(parseQuantity(text)).toBe(amount)
  })

  it('grow', () => {
    expect(addBytes('512Mi', 256 * Mi)).toBe('768Mi')
    expect(addBytes('1G', Mi)).toBe(`${1e9 + Mi}`)
    expect(addBytes('nonsense', Mi)).toBe('nonsense')
  })
})

describe('a merge patch', () => {
  const json = fc.letrec(tie => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.boolean(),
      fc.integer(),
      fc.string(),
      fc.array(fc.integer(), { maxLength: 3 }),
      tie('object'),
    ),
    object: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), tie('value'), { maxKeys: 4 }),
  })).object

  it('turns one object into the other', () => {
    fc.assert(
      fc.property(json, json, (from, to) => {
        expect(mergePatched(from, mergePatch(from as object, to as object))).toEqual(to)
      }),
    )
  })

  it('is empty between equals', () => {
    fc.assert(
      fc.property(json, from => {
        expect(mergePatch(from as object, structuredClone(from) as object)).toEqual({})
      }),
    )
  })
})

describe('labels', () => {
  it('hold the undo', () => {
    const undo = (label: string) => readUndo({ metadata: { labels: { 'podswap.dev/undo': label } } })
    expect(undoLabel({ replicas: 2 })).toBe('r2')
    expect(undo('r2')).toEqual({ replicas: 2 })
    expect(undo(undoLabel({ replicas: 0, whenScaled: 'Delete' }))).toEqual({ replicas: 0, whenScaled: 'Delete' })
    for (const foreign of ['', '2', 'r', 'r2.wOther', 'r99999999999']) expect(undo(foreign)).toBeUndefined()
    expect(readUndo({ metadata: {} })).toBeUndefined()
  })

  it('hold the session and whose it is', () => {
    const label = sessionLabel('k3.f9', 'ann@laptop')
    const read = (value: string) => readSession({ metadata: { labels: { 'podswap.dev/session': value } } })
    expect(read(label)).toEqual({ session: 'k3.f9', ownerTag: label.slice(6) })
    expect(sessionLabel('k3.f9', 'ben@laptop')).not.toBe(label)
    expect(read('odd')).toEqual({ session: 'odd', ownerTag: '' })
    expect(() => sessionLabel('x'.repeat(60), 'a')).toThrow()
    expect(() => sessionLabel('a b', 'a')).toThrow()
  })
})

describe('names of clones', () => {
  it('are short enough for a label, and differ', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/), name => {
        const names = [...cloneNames('Deployment', name), ...cloneNames('StatefulSet', name)]
        for (const each of names) expect(each).toMatch(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/)
        expect(new Set(names).size).toBe(3)
      }),
    )
    expect(cloneNames('StatefulSet', 'web')).toEqual(['web-podswap', 'web-statefulset-podswap'])
  })
})

describe('owners of fields', () => {
  const entry = (manager: string, fieldsV1: object, subresource?: string) => ({
    manager,
    operation: 'Update',
    apiVersion: 'apps/v1',
    fieldsV1,
    ...(subresource && { subresource }),
  })
  const replicas = { 'f:spec': { 'f:replicas': {} } }

  it('get their field back, in the entry that they have or in one of their own', () => {
    const before = [
      entry('flux', { 'f:spec': { 'f:replicas': {}, 'f:template': { 'f:spec': {} } } }),
      entry('scaler', replicas, 'scale'),
      entry('other', { 'f:spec': { 'f:paused': {} } }),
    ]
    const owners = ownersOf({ metadata: { managedFields: before } })
    expect(owners).toEqual([entry('flux', replicas), entry('scaler', replicas, 'scale')])
    const during = [entry('flux', { 'f:spec': { 'f:template': { 'f:spec': {} } } }), before[2]!]
    expect(withOwners(during, owners)).toEqual([before[0], before[2], before[1]])
    expect(withOwners(before, [])).toEqual(before)
  })

  it('include the owner of a StatefulSet’s retention', () => {
    const fieldsV1 = {
      'f:spec': { 'f:persistentVolumeClaimRetentionPolicy': { 'f:whenScaled': {}, 'f:whenDeleted': {} } },
    }
    expect(ownersOf({ metadata: { managedFields: [entry('a', fieldsV1)] } })).toEqual([
      entry('a', { 'f:spec': { 'f:persistentVolumeClaimRetentionPolicy': { 'f:whenScaled': {} } } }),
    ])
  })
})

it('a selector becomes a query', () => {
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [
      { key: 'tier', operator: 'In', values: ['a', 'b'] },
      { key: 'zone', operator: 'NotIn', values: ['x'] },
      { key: 'kept', operator: 'Exists' },
      { key: 'gone', operator: 'DoesNotExist' },
    ],
  }
  const labelSelector = selectorText(selector)
  expect(labelSelector).toBe('app=web,tier in (a,b),zone notin (x),kept,!gone')
  expect(matches({ metadata: { labels: { app: 'web', tier: 'b', kept: '' } } }, { labelSelector })).toBe(true)
  expect(matches({ metadata: { labels: { app: 'web', tier: 'c', kept: '' } } }, { labelSelector })).toBe(false)
})

import { describe, expect, it } from 'vitest'
import { ApiError } from '../../../../src/sandbox/store/api-error.ts'
import { resourceTypes } from '../../../../src/sandbox/store/resource-types.ts'
import { fieldMatcher, labelMatcher, specMatcher } from '../../../../src/sandbox/store/selectors.ts'

const pod = {
  metadata: { name: 'p', labels: { app: 'web', 'x.io/tier': 'front', empty: '' } },
  status: { phase: 'Running' },
}

describe('a label selector', () => {
  it.each([
    ['', true],
    ['app', true],
    ['!app', false],
    ['app=web', true],
    ['app==web', true],
    ['app = web', true],
    ['app!=web', false],
    ['other!=web', true],
    ['empty=', true],
    ['app in (a, web)', true],
    ['app notin (web)', false],
    ['other notin (web)', true],
    ['other in (web)', false],
    ['app=web,x.io/tier in (front,back),!other', true],
    ['app=web,other', false],
    ['constructor', false],
  ])('%s: %s', (selector, matches) => {
    expect(labelMatcher(selector)(pod)).toBe(matches)
  })

  it.each(['a===b', 'a in b', 'a in (b', '=b', 'a b', 'a,,b'])('%s is none', selector => {
    expect(() => labelMatcher(selector)).toThrow(ApiError)
  })
})

it('a field selector knows the fields of its kind and no others', () => {
  const match = (selector: string) => fieldMatcher(resourceTypes.Pod, selector)(pod)
  expect(match('metadata.name=p,status.phase!=Failed')).toBe(true)
  expect(match('metadata.name=q')).toBe(false)
  expect(match('spec.nodeName=')).toBe(true)
  expect(() => match('spec.replicas=1')).toThrow('field label not supported: spec.replicas')
  expect(() => match('metadata.name')).toThrow(ApiError)
})

it('a selector of a spec is all of its terms', () => {
  const expression = (operator: string, key: string, values?: string[]) =>
    specMatcher({ matchLabels: { app: 'web' }, matchExpressions: [{ key, operator, values }] })(pod)
  expect(expression('In', 'x.io/tier', ['front'])).toBe(true)
  expect(expression('NotIn', 'x.io/tier', ['front'])).toBe(false)
  expect(expression('NotIn', 'other', ['front'])).toBe(true)
  expect(expression('Exists', 'other')).toBe(false)
  expect(expression('DoesNotExist', 'other')).toBe(true)
})

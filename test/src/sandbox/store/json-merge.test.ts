import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonPatchError, jsonPatched, mergePatched } from '../../../../src/sandbox/store/json-merge.ts'

describe('a merge patch', () => {
  it.each([
    // the examples of RFC 7386, appendix A
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j is %j', (target, patch, result) => {
    const before = structuredClone(target)
    expect(mergePatched(target, patch)).toEqual(result)
    expect(target).toEqual(before)
  })

  it('takes any key for a key', () => {
    const patched = mergePatched({}, JSON.parse('{"__proto__": {"polluted": true}}')) as object
    expect(Object.keys(patched)).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

describe('a JSON patch', () => {
  it.each([
    [{ a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [{ a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    [{ a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [{ a: [1, 2] }, [{ op: 'remove', path: '/a/0' }], { a: [2] }],
    [{ a: 1 }, [{ op: 'replace', path: '/a', value: 2 }], { a: 2 }],
    [{ a: { b: 1 } }, [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: 1 }],
    [{ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
    [
      { 'a/b': 1, '~': 2 },
      [
        { op: 'test', path: '/a~1b', value: 1 },
        { op: 'remove', path: '/~0' },
      ],
      { 'a/b': 1 },
    ],
  ])('%j with %j is %j', (document, steps, result) => {
    expect(jsonPatched(document, steps)).toEqual(result)
  })

  it.each([
    [{ op: 'remove', path: '/none' }],
    [{ op: 'replace', path: '/none', value: 1 }],
    [{ op: 'add', path: '/list/3', value: 1 }],
    [{ op: 'add', path: '/list/01', value: 1 }],
    [{ op: 'test', path: '/a', value: 2 }],
    [{ op: 'grow', path: '/a' }],
    [{ op: 'add', path: 'a', value: 1 }],
    [{ op: 'add' } as never],
    [null as never],
  ])('refuses %j', step => {
    expect(() => jsonPatched({ a: 1, list: [1] }, [step])).toThrow(JsonPatchError)
  })

  it('of add and test undoes nothing that it did not name', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.jsonValue(), (document, key, value) => {
        const path = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
        const after = jsonPatched(document, [
          { op: 'add', path, value },
          { op: 'test', path, value },
        ]) as Record<string, unknown>
        const { [key]: added, ...rest } = after
        const { [key]: _before, ...others } = document
        expect(added).toEqual(value)
        expect(rest).toEqual(others)
      }),
    )
  })
})

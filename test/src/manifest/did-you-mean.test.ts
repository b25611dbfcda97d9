import { expect, it } from 'vitest'
import { didYouMean } from '../../../src/manifest/did-you-mean.ts'

const names = ['image', 'imagePullPolicy', 'sync', 'dev', 'namespace', 'selector', 'workdir']

it.each([
  ['imgae', 'image'],
  ['Image', 'image'],
  ['images', 'image'],
  ['workDir', 'workdir'],
  ['workingdir', undefined],
  ['namespce', 'namespace'],
  ['selctr', 'selector'],
  ['sycn', 'sync'],
  ['dv', 'dev'],
  ['devs', 'dev'],
  ['d', undefined],
  ['abcd', undefined],
  ['x'.repeat(100_000), undefined],
])('%.20s: %s', (word, expected) => {
  expect(didYouMean(word, names)).toBe(expected)
})

import { describe, expect, it } from 'vitest'
import { devErrors, load, loadDev } from './laptop.ts'

describe('probes', () => {
  it.each<[string, string[] | undefined]>([
    ['image: x', undefined],
    ['probes: false', undefined],
    ['probes: {}', undefined],
    ['probes: true', ['liveness', 'readiness', 'startup']],
    ['probes: {readiness: true}', ['readiness']],
    ['probes: {liveness: true, readiness: false, startup: true}', ['liveness', 'startup']],
    ['healthchecks: true', ['liveness', 'readiness', 'startup']],
    ['healthchecks: false', undefined],
  ])('%j', (fields, probes) => {
    const dev = loadDev(fields)
    expect(dev.probes).toEqual(probes)
    expect(dev.warnings).toEqual([])
  })

  it('win over v1’s `healthchecks`', () => {
    const dev = load('name: web\nhealthchecks: true\nprobes: {liveness: true}\n')
    expect(dev.devs[0]?.probes).toEqual(['liveness'])
    expect(dev.warnings.map(({ message }) => message)).toEqual(['has no effect here: healthchecks, beside `probes`'])
  })

  it('must be true or false', () => {
    expect(devErrors('probes: [readiness]')).toEqual(['3:13 `probes` must be a single value, not a list'])
    expect(devErrors('probes: {readiness: maybe}')).toEqual(['3:25 `readiness` must be true or false, not "maybe"'])
    expect(loadDev('probes: {rediness: true}')).toMatchObject({
      warnings: ['3:14 unknown field `rediness`; it is passed over'],
    })
  })
})

describe('lifecycle', () => {
  it.each<[string, string[] | undefined]>([
    ['lifecycle: false', undefined],
    ['lifecycle: true', ['postStart', 'preStop']],
    ['lifecycle: {preStop: true}', ['preStop']],
  ])('%j', (fields, lifecycle) => {
    const dev = loadDev(fields)
    expect(dev.lifecycle).toEqual(lifecycle)
    expect(dev).not.toHaveProperty('hooks')
    expect(dev.warnings).toEqual([])
  })

  it.each<[string, string[] | undefined, object | undefined]>([
    ['{postStop: true}', ['preStop'], undefined],
    ['{postStart: {enabled: true}, preStop: {enabled: false, command: b}}', ['postStart'], undefined],
    ['{postStart: {command: echo a}}', undefined, { postStart: ['sh', '-c', 'echo a'] }],
    ['{preStop: {enabled: true, command: [a, b]}, postStart: true}', ['postStart'], { preStop: ['a', 'b'] }],
    ['{preStop: {}}', undefined, undefined],
  ])('%j has hooks of its own', (text, lifecycle, hooks) => {
    const dev = loadDev(`lifecycle: ${text}`)
    expect([dev.lifecycle, dev.hooks, dev.warnings]).toEqual([lifecycle, hooks, []])
  })

  it('says which of two names counts', () => {
    const { lifecycle, warnings } = loadDev('lifecycle: {postStop: true, preStop: false}')
    expect(lifecycle).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('`lifecycle.postStop` is left alone')])
  })

  it('must be known', () => {
    expect(devErrors('lifecycle: {preStop: {enabled: maybe}}')).toEqual([
      '3:36 `enabled` must be true or false, not "maybe"',
    ])
    expect(loadDev('lifecycle: {preStop: {exec: {}}, start: true}').warnings).toHaveLength(2)
  })
})

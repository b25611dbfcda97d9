import { describe, expect, it } from 'vitest'
import { readCostOptions } from '../../bench/cost/options.ts'
import { readOptions, rowNames } from '../../bench/options.ts'
import { sizesFor } from '../../bench/sizes.ts'

const read = (...argv: string[]) => readOptions(argv, { KUBECONFIG: '/k' })

describe('options of the bench', () => {
  it('measures every row five times, on the full tree', () => {
    expect(read()).toMatchObject({ kubeconfig: '/k', rounds: 5, files: 50_000, only: [...rowNames], json: false })
  })

  it('measures chosen rows in the order of the table', () => {
    expect(read('--only', 'idle,first-sync').only).toEqual(['first-sync', 'idle'])
  })

  it.each([
    [['--only', 'idle,speed'], 'not "speed"'],
    [['--rounds', '0'], '--rounds wants a whole number from 1 on'],
    [['--rounds', '1e3'], '--rounds wants a whole number'],
    [['--files', 'many'], '--files wants a whole number'],
    [['--fast'], '--fast'],
  ])('refuses %j', (argv, message) => {
    expect(() => read(...argv)).toThrow(message)
  })

  it('needs a kubeconfig', () => {
    expect(() => readOptions([], {})).toThrow('--kubeconfig is missing')
    expect(() => readCostOptions([], {})).toThrow('--kubeconfig is missing')
    expect(readCostOptions(['--kubeconfig', '/own'], { KUBECONFIG: '/k' }).kubeconfig).toBe('/own')
  })

  it('makes everything smaller with a smaller tree', () => {
    const [full, small] = [sizesFor(50_000), sizesFor(5_000)]
    expect(full).toMatchObject({ flat: 10_000, edited: 5_000, ignored: 40_000, idle: 100_000, largeFileBytes: 2 ** 30 })
    expect(full.growth).toEqual([1_000, 10_000, 100_000, 300_000])
    expect(small).toMatchObject({ flat: 1_000, edited: 500, ignored: 4_000, idle: 10_000 })
    expect(small.growth).toEqual([100, 1_000, 10_000, 30_000])
  })
})

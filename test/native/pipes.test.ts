import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { initProgram } from './init-program.ts'

describe.skipIf(initProgram === null)('init pipes', () => {
  test('makes pipes that another process can open, and goes when it is let go', async () => {
    const maker = spawn(initProgram!, ['pipes', '3'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = once(maker, 'exit')
    const [line] = await once(maker.stdout, 'data')
    const numbers = String(line).trim().split(' ').map(Number)
    expect(numbers).toHaveLength(6)
    const opened = numbers.map((number, index) => openSync(`/proc/${maker.pid}/fd/${number}`, index % 2 ? 'w' : 'r'))
    maker.stdin.end()
    expect(await ended).toEqual([0, null])
    for (const pipe of [0, 2, 4]) {
      writeSync(opened[pipe + 1]!, `pipe ${pipe}`)
      const held = Buffer.alloc(20)
      expect(held.toString('utf8', 0, readSync(opened[pipe]!, held))).toBe(`pipe ${pipe}`)
    }
    for (const descriptor of opened) closeSync(descriptor)
  })

  test('makes at most eight', () => {
    const { stdout, status } = spawnSync(initProgram!, ['pipes', '1000000'], { input: '', encoding: 'utf8' })
    expect(status).toBe(0)
    expect(stdout.trim().split(' ')).toHaveLength(16)
  })
})

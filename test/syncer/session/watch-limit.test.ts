import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { scratchFolder } from '../disk/scratch-folder.ts'

const watchesMax = 20
const isolated = ['-r', '-U', 'sh', '-c', `echo ${watchesMax} > /proc/sys/user/max_inotify_watches && exec "$@"`, 'sh']

describe('a system that grants few watches', () => {
  test('case 67: is told of once at each end, with what to do, until everything is watched again', ctx => {
    if (spawnSync('unshare', [...isolated, 'true']).status !== 0) return ctx.skip('needs user namespaces')
    const child = path.join(import.meta.dirname, 'watch-limit-child.ts')
    const run = spawnSync('unshare', [...isolated, process.execPath, '--import', 'tsx', child, scratchFolder()], {
      encoding: 'utf8',
      timeout: 100_000,
    })
    expect(run.stderr).toBe('')
    const result: { limited: Told[]; events: Told[]; reconnected: Told[]; arrived: boolean; after: Told[] } =
      JSON.parse(run.stdout)
    const laptop = told('laptop', expect.stringMatching(/raise it: sudo sysctl fs\.inotify\.max_user_watches=\d+/))
    const pod = told('pod', expect.stringMatching(/cluster’s node: sudo sysctl fs\.inotify\.max_user_watches=\d+/))
    expect(result.limited).toEqual(expect.arrayContaining([laptop, pod]))
    expect(result.limited).toHaveLength(2)
    expect(result.reconnected).toEqual(result.limited)
    expect(result.arrived).toBe(true)
    expect(result.after).toEqual([])
    expect(result.events).toEqual(expect.arrayContaining([laptop, pod]))
    expect(result.events).toHaveLength(2)
  })
})

interface Told {
  side: string
  path: string
  code: string
  message: string
}

function told(side: string, message: string): Told {
  return { side, path: '', code: 'watch-limit', message }
}

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { findProcesses } from '../../../../src/sandbox/runtime/process-tree.ts'

const hasPs = spawnSync('ps', ['-axo', 'pid=']).status === 0
const platforms: NodeJS.Platform[] = process.platform === 'linux' ? ['linux', 'darwin'] : [process.platform]

it.each(platforms)('finds what a process has started, as on %s', async platform => {
  if (platform !== 'linux' && !hasPs) {
    console.warn('SKIPPED, no ps: how processes are found where there is no /proc')
    return
  }
  const child = spawn('sh', ['-c', 'sleep 1000 & echo $!; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  try {
    const [line] = await once(child.stdout, 'data')
    const grandchild = Number(String(line))
    const found = findProcesses('no-such-mark/', [child.pid!], platform)
    expect(found.sort((a, b) => a - b)).toEqual([child.pid!, grandchild].sort((a, b) => a - b))
    expect(findProcesses('no-such-mark/', [], platform)).toEqual([])
  } finally {
    process.kill(-child.pid!, 'SIGKILL')
  }
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { Beside } from '../../../src/commands/beside.ts'
import type { Invocation, Io } from '../../../src/commands/io.ts'
import type { UpOptions } from '../../../src/commands/up-options.ts'
import type { Workplace } from '../../../src/commands/workplace.ts'
import { openHome } from '../../../src/home/home.ts'
import { liveHolders } from '../../../src/session/find-holder.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dev, webDeployment } from '../swap/shapes.ts'
import { ready } from '../swap/trial.ts'

test('what one service ends with keeps no other from its end, and is thrown then', async () => {
  const path = mkdtempSync(join(tmpdir(), 'podswap-beside-'))
  const cluster = new MemoryCluster()
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  cluster.applyServerSide({ ...webDeployment(), metadata })
  await ready(cluster, 'Deployment', 'web')
  const home = openHome(path)
  const stdout = new PassThrough()
  const write = vi.spyOn(stdout, 'write').mockImplementation(() => {
    throw new Error('nobody reads')
  })
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  const { platform } = process
  const ends = { stdin: new PassThrough(), stdout, stderr: new PassThrough().resume() }
  const io = { ...ends, env: {}, platform, tmpdir: path, user: 'ann', host: 'laptop' } as unknown as Io
  const call: Invocation<UpOptions> = {
    io: { ...io, interrupted: new AbortController().signal },
    globals: { color: false },
    names: [],
    rest: null,
    options: {},
  }
  const workplace: Workplace = {
    manifest: { file: '/code/dev.yml', devs: [], warnings: [] },
    cluster,
    home,
    reporter: { report() {}, clear() {}, close() {} },
  }
  const held = () => liveHolders(home).map(record => record.dev)
  try {
    // there is no workload `missing`
    const beside = await Beside.open(call, workplace, [dev({ name: 'missing' }), dev()], () => {})
    expect(held().sort()).toEqual(['missing', 'web'])
    beside.start()
    await expect.poll(() => write.mock.calls.length, { timeout: 30_000 }).toBeGreaterThan(0)
    await expect.poll(() => cluster.peek('Deployment', 'web-podswap'), { timeout: 30_000 }).toBeDefined()
    await turn()
    expect(held()).not.toContain('missing')
    await expect(beside.end([])).rejects.toThrow('nobody reads')
    expect(held()).toEqual([])
    expect(unhandled).not.toHaveBeenCalled()
  } finally {
    process.off('unhandledRejection', unhandled)
    cluster.close()
    rmSync(path, { recursive: true })
  }
})

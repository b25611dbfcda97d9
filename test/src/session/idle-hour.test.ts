import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeTime, settle } from '../../syncer/wire/fake-time.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { FaultyCluster } from '../swap/faulty-cluster.ts'
import { webDeployment } from '../swap/shapes.ts'
import { ready } from '../swap/trial.ts'
import { startApiSide } from './api-side.ts'

const hourMs = 3_600_000
const renewEveryMs = 15_000
/** The clone, its pods, the original. */
const watchSet = ['Pod', 'Deployment', 'Deployment']

let cluster: MemoryCluster
beforeEach(async () => {
  cluster = new MemoryCluster()
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  cluster.applyServerSide({ ...webDeployment(), metadata })
  await ready(cluster, 'Deployment', 'web')
})
afterEach(() => cluster.close())

/** A Lease's renewal takes `callMs` of the session's time. */
async function idleHour(callMs: number) {
  const time = new FakeTime()
  const asked: { what: string; atMs: number }[] = []
  let open: string[] = []
  const counted = new FaultyCluster(cluster, ({ verb, kind }) => {
    asked.push({ what: `${verb} ${kind}`, atMs: time.monotonic() })
    return undefined
  })
  const { replace, watch } = counted
  counted.replace = async (kind, object, options) => {
    const answer = await replace.call(counted, kind, object, options)
    if (callMs > 0) await new Promise<void>(resolve => time.after(callMs, resolve))
    return answer
  }
  counted.watch = async (kind, options, on) => {
    open.push(kind)
    await watch.call(counted, kind, options, on).finally(() => {
      open = open.toSpliced(open.indexOf(kind), 1)
    })
  }
  const session = startApiSide({ cluster: counted, name: 'web', sessionId: 'k3f9', clock: time })
  await expect.poll(() => session.snapshot().phase).toBe('ready')
  await expect.poll(() => open.toSorted()).toEqual(watchSet.toSorted())
  await settle()
  const before = { asked: asked.length, timers: time.pendingTimers }
  await time.advance(hourMs)
  expect(session.snapshot().phase).toBe('ready')
  const after = { asked: asked.slice(before.asked), timers: time.pendingTimers, open }
  session.stop()
  await session.done
  expect(open).toEqual([])
  return { before, after }
}

test('an idle hour: one set of watches, one renewal of the Lease every 15 s, nothing else', async () => {
  const { before, after } = await idleHour(0)
  expect(after.open.toSorted()).toEqual(watchSet.toSorted())
  expect(new Set(after.asked.map(({ what }) => what))).toEqual(new Set(['replace Lease']))
  expect(after.asked.length).toBeLessThanOrEqual(hourMs / renewEveryMs)
  expect(after.asked.length).toBeGreaterThanOrEqual(hourMs / renewEveryMs - 1)
  // nothing piles up
  expect(after.timers).toBe(before.timers)
})

test('however long the answers take, a renewal never comes sooner, and later by no more than the answer', async () => {
  const callMs = 700
  const { after } = await idleHour(callMs)
  const gaps = after.asked.slice(1).map(({ atMs }, index) => atMs - after.asked[index]!.atMs)
  expect(new Set(gaps)).toEqual(new Set([renewEveryMs + callMs]))
})

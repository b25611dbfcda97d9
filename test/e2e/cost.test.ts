import { afterAll, beforeAll, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { readyAfterDown, readyAfterScale } from './support/ready-watch.ts'
import { expectRestored } from './support/traces.ts'

/*
 * Times, each beside the plain tool's in the same run. `npm run cost` measures them on a quiet machine; the limits here
 * are for one whose load changes between two looks.
 */

/** Down, to the original's pod Ready: 1.2 × a plain scale is wanted. */
const downRatioMax = 3
/** A warm up does what a plain scale does for its pod, twice over: the old pod ends, and a Node is copied. */
const upRatioMax = 12

let session: DevSession
beforeAll(async () => {
  session = await DevSession.create({
    purpose: 'cost',
    dev: {
      image: 'podswap.test/node:1',
      imagePullPolicy: 'IfNotPresent',
      persistentVolume: { enabled: true, size: '1Gi' },
    },
  })
})
afterAll(() => session[Symbol.asyncDispose]())

it('a warm up is ready, and a down leaves the original Ready, about as soon as a plain scale', async () => {
  const { admin } = session.namespace
  // its image and its volume are there from here on
  await session.up()
  await session.down()
  const ups: number[] = []
  const downs: number[] = []
  for (let round = 0; round < 2; round += 1) {
    const startedMs = performance.now()
    await session.up()
    const upMs = performance.now() - startedMs
    const downMs = await readyAfterDown(admin, session.laptop, session.target)
    const scaleMs = await readyAfterScale(admin)
    console.info(`warm up ${upMs | 0} ms, down ${downMs | 0} ms, kubectl scale ${scaleMs | 0} ms`)
    ups.push(upMs / scaleMs)
    downs.push(downMs / scaleMs)
  }
  await session.laptop.ok(['down', '--volumes', ...session.target])
  await expectRestored(admin, session.was)
  // the better round: what others did to the machine meanwhile is not ours
  expect(Math.min(...downs), `${downs}`).toBeLessThan(downRatioMax)
  expect(Math.min(...ups), `${ups}`).toBeLessThan(upRatioMax)
})

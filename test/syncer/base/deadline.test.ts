import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { systemTimers } from '../../../syncer/base/clock.ts'
import { deadline } from '../../../syncer/base/deadline.ts'
import { FakeTime } from '../wire/fake-time.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Resolves with the reason; holds on to nothing but its listener, as a socket's owner does. */
function reasonOf(signal: AbortSignal): Promise<unknown> {
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(signal.reason)))
}

test('it fires though garbage was collected meanwhile', async () => {
  const other = new AbortController()
  const reason = reasonOf(AbortSignal.any([deadline(systemTimers, 200, other.signal).signal]))
  const collecting = setInterval(collectGarbage, 20)
  try {
    expect(await reason).toMatchObject({ code: 'timeout' })
  } finally {
    clearInterval(collecting)
  }
})

test('another signal is not late, and one that is disposed of never fires', async () => {
  const time = new FakeTime()
  const other = new AbortController()
  {
    using limit = deadline(time, 1_000, other.signal)
    other.abort(new Error('left'))
    expect([limit.signal.aborted, limit.late.aborted]).toEqual([true, false])
  }
  const limit = deadline(time, 1_000)
  limit[Symbol.dispose]()
  await time.advance(2_000)
  expect(limit.signal.aborted).toBe(false)
})

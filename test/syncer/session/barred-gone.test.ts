import fs from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair
beforeEach(() => {
  pair = new RealPair()
})
afterEach(() => {
  pair.dispose()
})

test.each(['laptop', 'pod'] as const)(
  'a socket on the %s is no problem any more when its folder has another name',
  async side => {
    pair.write('laptop', 'tmp/sockets/keep', 'x')
    pair.open()
    pair.attach()
    await pair.inStep()
    pair.makeSocket(side, 'tmp/sockets/s')
    const problems = () => pair.session.status().problems.map(({ path }) => path)
    await until(() => problems().includes('tmp/sockets/s'))
    fs.renameSync(pair.at(side, 'tmp'), pair.at(side, 'other'))
    await until(() => problems().includes('other/sockets/s'))
    await until(() => !problems().includes('tmp/sockets/s'), 30_000)
    expect(problems()).toEqual(['other/sockets/s'])
  },
)

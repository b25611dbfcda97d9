import fs from 'node:fs'
import net from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair
let server: net.Server
beforeEach(() => {
  pair = new RealPair()
  server = net.createServer()
})
afterEach(() => {
  server.close()
  pair.dispose()
})

test.each(['laptop', 'pod'] as const)(
  'a socket on the %s is no problem any more when its folder has another name',
  async side => {
    pair.write('laptop', 'tmp/sockets/keep', 'x')
    pair.open()
    pair.attach()
    await pair.inStep()
    // The whole path may be longer than a socket's may be.
    const before = process.cwd()
    process.chdir(pair.at(side, 'tmp/sockets'))
    server.listen('s')
    process.chdir(before)
    const problems = () => pair.session.status().problems.map(({ path }) => path)
    await until(() => problems().includes('tmp/sockets/s'))
    fs.renameSync(pair.at(side, 'tmp'), pair.at(side, 'other'))
    await until(() => problems().includes('other/sockets/s'))
    await until(() => !problems().includes('tmp/sockets/s'), 30_000)
    expect(problems()).toEqual(['other/sockets/s'])
  },
)

import { afterAll, beforeAll, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { freePort } from './support/ports.ts'
import { expectLaptopClean, expectRestored } from './support/traces.ts'
import { eventually } from './support/until.ts'

let session: DevSession
let port: number

beforeAll(async () => {
  port = await freePort()
  session = await DevSession.create({ purpose: 'v1', files: { 'server.js': server } })
  session.laptop.folder('.', {
    'dev.yml': {
      name: 'web',
      namespace: session.namespace.name,
      image: 'podswap.test/node:1',
      imagePullPolicy: 'IfNotPresent',
      command: 'node server.js',
      workdir: '/app',
      sync: ['app:/app'],
      forward: [`${port}:8080`],
      environment: ['WHO=a file from 2021'],
    },
  })
})

const server = `
require('node:http').createServer((q, r) => r.end('v1: ' + process.env.WHO)).listen(8080)
process.on('SIGTERM', () => process.exit(0))
`

afterAll(() => session[Symbol.asyncDispose]())

it('a single-dev (v1) manifest works from up to down', async () => {
  await session.up()
  await eventually(async () => {
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toBe('v1: a file from 2021')
  })
  const inPod = await session.handInPod()
  session.save('more.txt', 'more')
  await session.flush()
  expect(await inPod.read('/app/more.txt')).toBe('more')
  await session.down()
  await expectRestored(session.namespace.admin, session.was)
  await expectLaptopClean(session.laptop, [port], [session.folder])
})

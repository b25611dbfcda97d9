import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import type { Hand } from './support/hand.ts'
import { until } from './support/until.ts'

/*
 * `node --watch` on Linux watches files, not folders, so it follows the inode that it found at its start
 * (nodejs/node#51621). Sync replaces files, and yet each edit must restart it, the tenth as the first.
 */

const server = `
require('node:fs').writeFileSync(require('node:os').tmpdir() + '/said', require('./text.js'))
setInterval(() => {}, 1e6)
`

let session: DevSession
let inPod: Hand

beforeAll(async () => {
  session = await DevSession.create({
    purpose: 'hot-reload',
    files: {
      'server.js': server,
      'text.js': "module.exports = 'text 0'\n",
    },
    dev: {
      image: 'podswap.test/node:1',
      imagePullPolicy: 'IfNotPresent',
      workdir: '/app',
      command: ['node', '--watch', 'server.js'],
    },
  })
  await session.up()
  inPod = await session.handInPod()
  await says('text 0')
})

afterAll(() => session[Symbol.asyncDispose]())

const says = (text: string) =>
  until(`the program says ${text}`, async () => (await inPod.read('/tmp/said').catch(() => '')) === text)

it('node --watch restarts at each edit of one file, however it is saved', async () => {
  for (let edit = 1; edit <= 6; edit++) {
    const source = `module.exports = 'text ${edit}'\n`
    if (edit % 2 === 0) session.save('text.js', source)
    else {
      session.save('text.js.new', source)
      renameSync(join(session.folder, 'text.js.new'), join(session.folder, 'text.js'))
    }
    await says(`text ${edit}`)
  }
  await session.flush()
  await session.expectSame(inPod)
})

it('and when the file goes and comes back', async () => {
  await session.onLaptop.remove(join(session.folder, 'text.js'))
  await session.flush()
  session.save('text.js', "module.exports = 'back'\n")
  await says('back')
  session.save('text.js', "module.exports = 'and again'\n")
  await says('and again')
})

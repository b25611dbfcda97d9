import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runDemo } from '../../demo/demo.ts'
import { Narration } from '../../demo/narration.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { repository } from '../e2e/support/environment.ts'
import { isListening } from '../e2e/support/ports.ts'
import { filesBelow } from '../e2e/support/traces.ts'
import { DemoRun } from './demo-run.ts'

const canRun = process.platform !== 'win32'
if (!canRun) console.warn('SKIPPED, the embedded cluster does not run on Windows: npm run demo')

describe.runIf(canRun)('npm run demo', { timeout: 300_000 }, () => {
  const taken: Server[] = []
  let files: string

  /** Takes the ports that the manifest forwards; one that somebody else has is taken as well. */
  beforeAll(async () => {
    for (const port of [8080, 9229, 5432]) {
      const server = createServer(socket => socket.destroy())
      await new Promise<void>(resolve => server.once('error', () => resolve()).listen(port, '127.0.0.1', resolve))
      taken.push(server)
    }
    files = fingerprint()
  })
  afterAll(async () => {
    for (const server of taken) server.close()
    expect(fingerprint()).toBe(files)
  })

  it('shows a whole session where every port is taken, ends by itself, and leaves nothing', async () => {
    await using demo = new DemoRun()
    const { code, stdout, stderr } = await demo.finished()
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
    const moved = [...stdout.matchAll(/port (\d+) is taken: the demo forwards (\d+) instead/g)]
    expect(moved.map(([, from]) => from)).toEqual(['8080', '9229', '5432'])
    const [app, debug, database] = moved.map(([, , to]) => to)
    for (const seen of [
      /3 pods of web and worker are Ready/,
      new RegExp(`http://localhost:${app}/ is served by web-podswap-[\\w-]+, from \\d+ files`),
      /public\/index.html is in the service’s next answer after \d+ ms/,
      /5 edits: (\d+, ){4}\d+ ms; a page that is open is told to reload after \d+ ms/,
      /the pod has restarted the server, and it answers after \d+ ms/,
      /it is on the laptop after \d+ ms, and says that web-podswap-[\w-]+ made it/,
      new RegExp(`PostgreSQL \\d+\\.\\d+ answers on localhost:${database}`),
      /order 1, “a cup of tea”, went through your code, and the cluster’s own worker has packed it/,
      new RegExp(`localhost:${debug} answers: Node v[\\d.]+ process \\d+ server.js`),
      /the spec of deployment\/web is what it was, all \d+ bytes/,
      /no Deployment and no Lease of podswap is left/,
      /npm run demo -- --stay/,
    ]) {
      expect(stdout).toMatch(seen)
    }
    // not a terminal: no colours
    expect(stdout).not.toContain('\x1b')
    for (const port of [app, debug, database]) expect(await isListening(Number(port)), `port ${port}`).toBe(false)
    await demo.leavesNothing()
  })

  it.each([
    ['while the pods start', /not enforced in the sandbox/],
    ['while podswap up is at it', /web-podswap is made/],
    ['among the edits', /An edit on the laptop/],
  ])('cleans up after Ctrl-C %s', async (_when, moment) => {
    await using demo = new DemoRun()
    await demo.prints(moment)
    demo.signal('SIGINT')
    expect(await demo.finished()).toMatchObject({ code: 130, stderr: expect.stringContaining('interrupted') })
    await demo.leavesNothing()
  })

  it.runIf(process.platform === 'linux')('leaves no process and no file where it is killed', async () => {
    await using demo = new DemoRun()
    await demo.prints(/is served by/)
    expect(demo.processes().length).toBeGreaterThan(5)
    demo.signal('SIGKILL')
    await demo.finished()
    await demo.leavesNothing()
  })

  it('says what failed, and keeps the logs', async () => {
    const broken = mkdtempSync(join(tmpdir(), 'podswap-demo-broken-'))
    cpSync(join(repository, 'manifests'), join(broken, 'manifests'), { recursive: true })
    mkdirSync(join(broken, 'dist'))
    writeFileSync(join(broken, 'dist/podswap.cjs'), `console.error('I do not know how'); process.exit(7)`)
    let printed = ''
    const write = (text: string) => {
      printed += text
    }
    const narration = new Narration({ write, paint: (_format, text) => text, columns: 120 })
    const { signal: interrupted } = new AbortController()
    const error: unknown = await runDemo({ repository: broken, narration, isStaying: false, interrupted }).catch(e => e)
    rmSync(broken, { recursive: true })
    expect(error).toBeInstanceOf(UserError)
    expect(error).toMatchObject({ code: 'pod-failed', message: expect.stringContaining('ended with 7') })
    const [, logs] = /the logs are in (\S+)$/.exec((error as UserError).hint!)!
    expect(readFileSync(join(logs!, 'podswap-up.log'), 'utf8')).toBe('I do not know how\n')
    expect(JSON.parse(readFileSync(join(logs!, 'cluster.json'), 'utf8')).length).toBeGreaterThan(5)
    rmSync(logs!, { recursive: true })
    expect(printed).not.toContain('✓ http')
  })
})

/** Of what the demo shows: it edits copies. */
function fingerprint(): string {
  const hash = createHash('sha256')
  for (const file of filesBelow(join(repository, 'manifests')).sort()) hash.update(file).update(readFileSync(file))
  return hash.digest('hex')
}

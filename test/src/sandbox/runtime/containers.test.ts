import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PodVolume } from '../../../../src/sandbox/pod-runtime.ts'
import type { ProcessRuntime } from '../../../../src/sandbox/runtime/process-runtime.ts'
import { findProcesses } from '../../../../src/sandbox/runtime/process-tree.ts'
import { isAlive } from '../../../native/init-program.ts'
import { buildRuntimePrograms } from './built-programs.ts'
import { container, exec, logOf, never, podRequest, printed, script, startRuntime, wholeLog } from './running-pod.ts'

let runtime: ProcessRuntime
beforeAll(async () => {
  runtime = await startRuntime(await buildRuntimePrograms())
})
afterAll(() => runtime.close())

const stay = 'setInterval(() => {}, 1e6)'
const emptyDir = (name: string): PodVolume => ({ name, source: { type: 'emptyDir' } })

describe('a container', () => {
  it('runs, prints, ends with its code, and leaves its log', async () => {
    const pod = await runtime.openPod(podRequest('prints'), never)
    const source = 'console.log("one"); console.error("two"); console.log("three"); process.exitCode = 7'
    const run = await pod.start(script(source), never)
    const { exitCode, signal, startedAtMs, finishedAtMs } = await run.exited
    expect({ exitCode, signal }).toEqual({ exitCode: 7, signal: undefined })
    expect(finishedAtMs).toBeGreaterThanOrEqual(startedAtMs)
    expect(await logOf(run)).toBe('one\ntwo\nthree\n')
    expect(await logOf(run, 2)).toBe('two\nthree\n')
    expect(await logOf(run, 0)).toBe('')
    await pod.close()
    expect(await logOf(run)).toBe('one\ntwo\nthree\n')
    run.forget()
    expect(await logOf(run)).toBe('')
  })

  it('follows a log until the end of the run, or of the reader', async () => {
    const pod = await runtime.openPod(podRequest('follows'), never)
    const run = await pod.start(
      script(`process.on('SIGTERM', () => process.exit(3)); console.log('up'); ${stay}`),
      never,
    )
    await printed(run, 'up\n')
    const leaving = new AbortController()
    const left = (async () => {
      for await (const _ of run.log({ follow: true, signal: leaving.signal })) leaving.abort(new Error('enough'))
    })()
    await expect(left).rejects.toThrow('enough')
    const all = wholeLog(run)
    await run.stop(30_000)
    expect(await all).toBe('up\n')
    expect((await run.exited).exitCode).toBe(3)
    await pod.close()
  })

  it('has its own folder, environment and working directory', async () => {
    const source = `
      const { HOME, HOSTNAME, TMPDIR, MINE, DATA, ROUTE, PODSWAP_ROOT } = process.env
      console.log(JSON.stringify({
        cwd: process.cwd(), HOME, HOSTNAME, TMPDIR, MINE, DATA, ROUTE, PODSWAP_ROOT,
        hostname: require('os').hostname(), argument: process.argv[1], names: Object.keys(process.env).length,
      }))`
    const pod = await runtime.openPod(podRequest('folder', { volumes: [emptyDir('data')] }), never)
    const run = await pod.start(
      script(source, {
        args: ['/data/file'],
        workingDir: '/usr/src/app',
        env: { MINE: 'yes', DATA: '/data/db', ROUTE: '/database' },
        mounts: [{ volume: 'data', path: '/data', readOnly: false }],
      }),
      never,
    )
    const seen = JSON.parse(await wholeLog(run))
    const root: string = seen.PODSWAP_ROOT
    expect(root.startsWith(`${runtime.folder}/`)).toBe(true)
    expect(seen).toMatchObject({
      cwd: `${root}/usr/src/app`,
      HOME: `${root}/root`,
      TMPDIR: `${root}/tmp`,
      HOSTNAME: 'folder',
      hostname: 'folder',
      MINE: 'yes',
      DATA: `${root}/data/db`,
      ROUTE: '/database',
    })
    // the volume's own place
    expect(seen.argument).toMatch(/\/v0\/file$/)
    // nothing of the person's environment
    expect(seen.names).toBeLessThan(20)
    await pod.close()
    expect(existsSync(root)).toBe(false)
  })

  it('runs shell commands and npm with the machine’s own', async () => {
    const files = [
      { path: 'package.json', content: Buffer.from('{"scripts":{"start":"node server.js"}}'), mode: 0o644 },
      { path: 'server.js', content: Buffer.from('console.log("served by", require("os").hostname())'), mode: 0o644 },
    ]
    const volumes: PodVolume[] = [{ name: 'app', source: { type: 'files', files } }]
    const pod = await runtime.openPod(podRequest('shell', { volumes }), never)
    const command = ['sh', '-c', 'npm start --silent && echo done > /dev/stderr']
    const mounts = [{ volume: 'app', path: '/app', readOnly: true }]
    const run = await pod.start(container({ command, mounts, workingDir: '/app' }), never)
    expect(await wholeLog(run)).toBe('served by shell\ndone\n')
    expect((await run.exited).exitCode).toBe(0)
    await pod.close()
  })

  it('tells what its first process was called with, in its own words', async () => {
    const pod = await runtime.openPod(podRequest('called'), never)
    const run = await pod.start(container({ command: ['node', '-e', stay], args: ['/tmp', 'b c'] }), never)
    const { stdout } = await exec(run, ['cat', '/proc/1/cmdline'])
    expect(stdout.split('\0')).toEqual(['node', '-e', stay, '/tmp', 'b c', ''])
    await pod.close()
  })

  it('has a volume inside of another one, and hides nothing that is there', async () => {
    const volumes = ['outer', 'inner', 'other'].map(emptyDir)
    const pod = await runtime.openPod(podRequest('nested', { volumes }), never)
    const mount = (volume: string, path: string) => ({ volume, path, readOnly: false })
    const mounts = [mount('inner', '/app/lib/deep'), mount('outer', '/app')]
    const run = await pod.start(script(stay, { workingDir: '/app', mounts }), never)
    await exec(run, ['sh', '-c', 'echo inner > lib/deep/a; echo outer > lib/b'])
    await run.stop(0)
    // the place of the mount stays, empty
    const alone = await pod.start(script(stay, { workingDir: '/app', mounts: [mount('outer', '/app')] }), never)
    const { stdout } = await exec(alone, ['sh', '-c', 'ls lib; ls lib/deep; cat lib/b'])
    expect(stdout).toBe('b\ndeep\nouter\n')
    await exec(alone, ['sh', '-c', 'touch lib/deep/theirs'])
    await alone.stop(0)
    await expect(pod.start(script(stay, { workingDir: '/app', mounts }), never)).rejects.toMatchObject({
      reason: 'CreateContainerError',
      message: expect.stringContaining('it would hide what the outer volume has there'),
    })
    const both = [mount('inner', '/app'), mount('outer', '/app')]
    await expect(pod.start(script(stay, { mounts: both }), never)).rejects.toThrow('two volumes are mounted at /app')
    await pod.close()
  })

  it('uses the image’s own command, and replaces it as Kubernetes does', async () => {
    const pod = await runtime.openPod(podRequest('image'), never)
    const own = await pod.start(container({ image: `docker.io/library/node:22@sha256:${'a'.repeat(64)}` }), never)
    expect((await own.exited).exitCode).toBe(0)
    const replaced = await pod.start(container({ image: 'podswap.sandbox/node', args: ['node', '-p', '1 + 1'] }), never)
    expect(await wholeLog(replaced)).toBe('2\n')
    const absolute = await pod.start(container({ command: ['/usr/local/bin/node', '-p', '2 + 2'] }), never)
    expect(await wholeLog(absolute)).toBe('4\n')
    await pod.close()
  })

  it('keeps the NODE_OPTIONS of the image', async () => {
    const pod = await runtime.openPod(podRequest('options'), never)
    const run = await pod.start(script('console.log(process.title)', { env: { NODE_OPTIONS: '--title=mine' } }), never)
    expect(await wholeLog(run)).toBe('mine\n')
    await pod.close()
  })

  it('starts its own files anew and keeps its volumes', async () => {
    const pod = await runtime.openPod(podRequest('again', { volumes: [emptyDir('kept')] }), never)
    const source = `
      const fs = require('fs')
      console.log(fs.existsSync('own'), fs.existsSync('../kept/shared'))
      fs.writeFileSync('own', ''); fs.writeFileSync('../kept/shared', '')`
    const request = script(source, {
      workingDir: '/app',
      mounts: [{ volume: 'kept', path: '/kept', readOnly: false }],
    })
    const first = await pod.start(
      { ...request, command: ['node', '-e', source.replaceAll('../kept', '/proc/self/cwd/../kept')] },
      never,
    )
    await first.exited
    const second = await pod.start({ ...request, restartCount: 1 }, never)
    expect(await wholeLog(first)).toBe('false false\n')
    expect(await wholeLog(second)).toBe('false true\n')
    expect(second.id).not.toBe(first.id)
    await pod.close()
  })
})

describe('volumes', () => {
  it('are shared by the containers of a pod, init containers first', async () => {
    const volumes: PodVolume[] = [
      emptyDir('work'),
      {
        name: 'settings',
        source: {
          type: 'files',
          files: [
            { path: 'deep/a.txt', content: Buffer.from('A'), mode: 0o644 },
            { path: 'run.sh', content: Buffer.from('echo ran'), mode: 0o755 },
          ],
        },
      },
    ]
    const pod = await runtime.openPod(podRequest('shares', { volumes }), never)
    const prepare = script('fs.writeFileSync("/proc/self/cwd/made", "by init")', {
      name: 'prepare',
      workingDir: '/work/sub',
      mounts: [{ volume: 'work', path: '/work', readOnly: false }],
    })
    expect((await (await pod.start(prepare, never)).exited).exitCode).toBe(0)
    const mounts = [
      { volume: 'work', path: '/in', subPath: 'sub', readOnly: false },
      { volume: 'settings', path: '/etc/app', readOnly: true },
      { volume: 'settings', path: '/usr/bin/run-it', subPath: 'run.sh', readOnly: true },
    ]
    const [one, two] = await Promise.all(['one', 'two'].map(name => pod.start(script(stay, { name, mounts }), never)))
    expect(await exec(one!, ['cat', '/in/made'])).toMatchObject({ stdout: 'by init', exitCode: 0 })
    expect(await exec(two!, ['cat', '/in/made', '/etc/app/deep/a.txt'])).toMatchObject({ stdout: 'by initA' })
    expect(await exec(two!, ['sh', '/usr/bin/run-it'])).toMatchObject({ stdout: 'ran\n' })
    await pod.close()
  })

  it('outlive the pod where they are claims', async () => {
    const claim = { type: 'claim', uid: 'c1', claimName: 'data', readOnly: false } as const
    const volumes: PodVolume[] = [{ name: 'data', source: claim }]
    const mounts = [{ volume: 'data', path: '/data', readOnly: false }]
    const seen: string[] = []
    for (const name of ['writer', 'reader']) {
      const pod = await runtime.openPod(podRequest(name, { volumes }), never)
      const run = await pod.start(
        container({ command: ['sh', '-c', 'ls; echo > file'], workingDir: '/data', mounts }),
        never,
      )
      seen.push(await wholeLog(run))
      await pod.close()
    }
    expect(seen).toEqual(['', 'file\n'])
    const folders = () => readdirSync(runtime.folder).filter(name => /^c\d+$/.test(name))
    expect(folders()).toHaveLength(1)
    await runtime.removeClaim('c1')
    await runtime.removeClaim('never-there')
    expect(folders()).toHaveLength(0)
  })

  it('are refused where they would have to be mounted for real', async () => {
    const pod = await runtime.openPod(podRequest('misled', { volumes: [emptyDir('a'), emptyDir('b')] }), never)
    const root = container({ mounts: [{ volume: 'a', path: '/', readOnly: false }] })
    await expect(pod.start(root, never)).rejects.toMatchObject({ reason: 'CreateContainerError' })
    const leading = container({ mounts: [{ volume: 'a', path: '/x', subPath: '../b', readOnly: false }] })
    await expect(pod.start(leading, never)).rejects.toMatchObject({ reason: 'CreateContainerError' })
    const file = { path: '../x', content: Buffer.alloc(0), mode: 0o644 }
    const outside: PodVolume[] = [{ name: 'f', source: { type: 'files', files: [file] } }]
    const opening = runtime.openPod(podRequest('outside', { volumes: outside }), never)
    await expect(opening).rejects.toMatchObject({ reason: 'FailedMount' })
    await pod.close()
  })
})

describe('what cannot be started', () => {
  it('is refused with the kubelet’s words', async () => {
    const pod = await runtime.openPod(podRequest('wrong'), never)
    const start = (more: Parameters<typeof container>[0]) => pod.start(container(more), never)
    await expect(start({ image: 'redis:7' })).rejects.toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringContaining('redis:7'),
    })
    await expect(start({ image: 'UPPER case' })).rejects.toMatchObject({ reason: 'InvalidImageName' })
    await expect(start({ command: ['no-such-program'] })).rejects.toMatchObject({
      reason: 'RunContainerError',
      message: 'exec: "no-such-program": executable file not found in $PATH',
    })
    await expect(start({ command: ['/etc'] })).rejects.toMatchObject({ reason: 'RunContainerError' })
    const run = await start({ command: ['node', '-e', stay] })
    await expect(exec(run, ['no-such-program'])).rejects.toMatchObject({ reason: 'StartError' })
    await run.stop(0)
    await expect(exec(run, ['true'])).rejects.toMatchObject({ reason: 'StartError' })
    await pod.close()
    await expect(start({ command: ['true'] })).rejects.toThrow()
  })

  it('is not started where nobody waits any more', async () => {
    const gone = AbortSignal.abort(new Error('gone'))
    await expect(runtime.openPod(podRequest('late'), gone)).rejects.toThrow('gone')
    const pod = await runtime.openPod(podRequest('late'), never)
    await expect(pod.start(container(), gone)).rejects.toThrow('gone')
    await pod.close()
  })
})

describe('exec', () => {
  it('carries stdin to its end, both outputs, and the exit code', async () => {
    const pod = await runtime.openPod(podRequest('exec'), never)
    const run = await pod.start(script(stay), never)
    const command = ['sh', '-c', 'cat; echo end; echo problem > /dev/stderr; exit 9']
    expect(await exec(run, command, 'some input\n')).toEqual({
      exitCode: 9,
      stdout: 'some input\nend\n',
      stderr: 'problem\n',
    })
    expect(await exec(run, ['cat'])).toMatchObject({ exitCode: 0, stdout: '' })
    expect(await exec(run, ['sh', '-c', 'kill -9 $$'])).toMatchObject({ exitCode: 137 })
    await pod.close()
  })

  it('does without real pipes where none can be made', async () => {
    const own = await startRuntime({ ...(await buildRuntimePrograms()), init: null })
    const pod = await own.openPod(podRequest('sockets'), never)
    const run = await pod.start(script(`console.log('up'); ${stay}`), never)
    await printed(run, 'up\n')
    const command = ['sh', '-c', 'cat; echo problem >&2; exit 9']
    expect(await exec(run, command, 'input')).toEqual({ exitCode: 9, stdout: 'input', stderr: 'problem\n' })
    await own.close()
    expect((await run.exited).exitCode).toBe(137)
  })

  it('respects the reader’s back-pressure', async () => {
    const pod = await runtime.openPod(podRequest('slow'), never)
    const run = await pod.start(script(stay), never)
    const stdout = new PassThrough({ highWaterMark: 1024 })
    const stderr = new PassThrough()
    const source = `
      const chunk = Buffer.alloc(65536); let left = 320
      const more = () => { while (left-- > 0) if (!process.stdout.write(chunk)) return process.stdout.once('drain', more) }
      process.stderr.write('x'); more()`
    const running = await run.exec({ command: ['node', '-e', source], stdin: null, stdout, stderr, signal: never })
    await new Promise(resolve => stderr.once('data', resolve))
    // nobody has read: far less than it wants to say has come in
    expect(stdout.readableLength).toBeLessThan(1_000_000)
    stderr.resume()
    expect((await buffer(stdout)).length).toBe(320 * 65536)
    expect((await running.exited).exitCode).toBe(0)
    await pod.close()
  })

  it('lets the command go on when the connection is gone, and takes it along when the container ends', async () => {
    const pod = await runtime.openPod(podRequest('orphaned', { volumes: [emptyDir('v')] }), never)
    const mounts = [{ volume: 'v', path: '/v', readOnly: false }]
    const run = await pod.start(script(stay, { mounts }), never)
    const connection = new AbortController()
    const stdout = new PassThrough()
    // more output than any pipe holds, after stdin ended
    const source = `
      process.stdin.resume().on('end', () => {
        process.stdout.write(Buffer.alloc(2e6), () => { fs.writeFileSync(process.argv[1], process.pid + ''); ${stay} })
      })`
    const running = await run.exec({
      command: ['node', '-e', source, '/v/pid'],
      stdin: new PassThrough(),
      stdout,
      stderr: new PassThrough(),
      signal: connection.signal,
    })
    connection.abort()
    const { stdout: root } = await exec(run, ['sh', '-c', 'printf %s "$PODSWAP_ROOT"'])
    const file = join(root, 'v/pid')
    await expect.poll(() => (existsSync(file) ? readFileSync(file, 'utf8') : ''), { timeout: 30_000 }).toMatch(/^\d+$/)
    const pid = Number(readFileSync(file, 'utf8'))
    expect(isAlive(pid)).toBe(true)
    await run.stop(0)
    expect(isAlive(pid)).toBe(false)
    expect((await running.exited).exitCode).toBe(137)
    await pod.close()
  })
})

describe('the end', () => {
  it('is SIGTERM, a grace, and SIGKILL for the whole tree', async () => {
    const pod = await runtime.openPod(podRequest('stubborn'), never)
    const source = `
      process.on('SIGTERM', () => console.log('not yet'))
      // in a session of its own, and its parent gone: nothing but its mark tells whose it is
      const child = require('child_process').spawn('sh', ['-c', 'setsid sleep 1000 > /dev/null & echo $!'], { detached: true })
      child.stdout.on('data', pid => console.log('deep', String(pid).trim()))
      ${stay}`
    const run = await pod.start(script(source), never)
    const deep = Number(/deep (\d+)/.exec(await printed(run, /deep \d+\n/))![1])
    expect(isAlive(deep)).toBe(true)
    await run.stop(300)
    expect(await run.exited).toMatchObject({ exitCode: 137, signal: 9 })
    expect(await logOf(run)).toContain('not yet')
    expect(isAlive(deep)).toBe(false)
    await pod.close()
  })

  it('of the first process is that of the others', async () => {
    const pod = await runtime.openPod(podRequest('first'), never)
    const run = await pod.start(container({ command: ['sh', '-c', 'sleep 1000 & echo $!'] }), never)
    expect((await run.exited).exitCode).toBe(0)
    expect(isAlive(Number(await logOf(run)))).toBe(false)
    await pod.close()
  })

  it('of a pod leaves nothing, and may come twice', async () => {
    const own = await startRuntime(await buildRuntimePrograms())
    const pod = await own.openPod(podRequest('ends', { volumes: [emptyDir('v')] }), never)
    const run = await pod.start(script(stay), never)
    await Promise.all([pod.close(), pod.close()])
    expect((await run.exited).exitCode).toBe(137)
    expect(readdirSync(own.folder).sort()).toEqual(['bin', 'names', 'preload.cjs', 'watchdog.cjs'])
    expect(statSync(own.folder).mode & 0o077).toBe(0)
    await own.openPod(podRequest('left'), never).then(left => left.start(script(stay), never))
    await Promise.all([own.close(), own.close()])
    expect(existsSync(own.folder)).toBe(false)
    expect(findProcesses('', []).filter(pid => readEnvironment(pid).includes(own.folder))).toEqual([])
    await expect(own.openPod(podRequest('never'), never)).rejects.toMatchObject({ reason: 'FailedCreatePodSandBox' })
  })
})

function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return ''
  }
}

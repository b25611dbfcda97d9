import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RemoteProcess } from '../../../syncer/wire/remote-process.ts'
import type { TerminalExit } from '../../../syncer/wire/services.ts'
import { initProgram, isAlive } from '../../native/init-program.ts'
import { type Attached, buildAgent, RunningAgent } from './running-agent.ts'

interface Outcome {
  exit: TerminalExit
  stdout: string
  stderr: string
}

/** LocalPod's image preloads a library that is not there, about which every program would complain. */
const quiet = { LD_PRELOAD: '' }

describe.skipIf(initProgram === null)('exec', () => {
  let agent: RunningAgent
  let attached: Attached

  beforeAll(async () => {
    agent = await RunningAgent.start(await buildAgent())
    attached = await agent.attach()
  })
  afterAll(() => agent.stop())

  const sh = (script: string) => attached.client.exec({ argv: ['sh', '-c', script], env: quiet })

  it('gives exit code, output and error output', async () => {
    const outcome = await run(sh('echo out; echo err >&2; exit 7'))
    expect(outcome).toEqual({ exit: { code: 7 }, stdout: 'out\n', stderr: 'err\n' })
  })

  it('gives a program pipes that it can open by name', async () => {
    const process = sh('cat < /dev/stdin; echo err > /dev/stderr; echo out > /dev/stdout')
    process.stdin.end('in\n')
    expect(await run(process)).toEqual({ exit: { code: 0 }, stdout: 'in\nout\n', stderr: 'err\n' })
    // also when its input has ended before it looks
    const late = sh('sleep 0.3; cat /dev/stdin')
    late.stdin.end('early')
    expect(await run(late)).toEqual({ exit: { code: 0 }, stdout: 'early', stderr: '' })
  })

  it('does with sockets where pipes cannot be made', async () => {
    const other = await RunningAgent.start(await buildAgent())
    const { client } = await other.attach()
    rmSync(join(other.home, 'init'))
    const process = client.exec({ argv: ['sh', '-c', 'cat; echo err >&2; exit 3'], env: quiet })
    process.stdin.end('in\n')
    expect(await run(process)).toEqual({ exit: { code: 3 }, stdout: 'in\n', stderr: 'err\n' })
    expect(other.log).toContain('no pipes')
    await other.stop()
  })

  it('passes input on to its end', async () => {
    const process = attached.client.exec({ argv: ['sha256sum'] })
    const input = Buffer.alloc(5_000_000, 'podswap')
    process.stdin.end(input)
    const { createHash } = await import('node:crypto')
    const { stdout, exit } = await run(process)
    expect(exit.code).toBe(0)
    expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(input).digest('hex'))
  })

  it('brings large output through a slow reader whole, and holds the program back meanwhile', async () => {
    const counter = join(agent.home, 'counter')
    const process = sh(`i=0; while [ $i -lt 64 ]; do head -c 262144 /dev/zero; i=$((i+1)); echo $i > ${counter}; done`)
    const count = () => (existsSync(counter) ? Number(readFileSync(counter, 'utf8')) : 0)
    process.stderr.resume()
    await expect.poll(count).toBeGreaterThan(0)
    // credit, pipes and buffers take a few hundred KiB; 16 MiB they do not
    const counts: number[] = []
    await expect
      .poll(() => {
        counts.push(count())
        return counts.at(-1) === counts.at(-2)
      })
      .toBe(true)
    expect(counts.at(-1)).toBeLessThan(16)
    const [output, exit] = await Promise.all([readAll(process.stdout), process.exit])
    expect(exit).toEqual({ code: 0 })
    expect(output.length).toBe(64 * 262_144)
  })

  it.each([
    ['not found', ['no-such-program'], undefined, 127],
    ['no folder', ['true'], '/no/such/folder', 126],
    ['a file for a folder', ['true'], '/etc/passwd', 126],
  ])('says why it could not start: %s', async (_, argv, cwd, code) => {
    const { exit } = await run(attached.client.exec({ argv, cwd }))
    expect(exit.code).toBe(code)
    expect(exit.error).toBeTruthy()
  })

  it('says that a file cannot be run', async () => {
    const file = join(agent.home, 'data')
    writeFileSync(file, 'text')
    chmodSync(file, 0o644)
    const { exit } = await run(attached.client.exec({ argv: [file] }))
    expect(exit).toMatchObject({ code: 126, error: expect.stringContaining('permission denied') })
  })

  it('runs in the folder asked for, with the container’s environment and what was asked on top', async () => {
    const process = attached.client.exec({
      argv: ['sh', '-c', 'pwd; echo "$NODE_OPTIONS|$LD_PRELOAD|$MORE"'],
      cwd: '/',
      env: { MORE: 'asked', LD_PRELOAD: '' },
    })
    // LocalPod's image sets NODE_OPTIONS; the agent itself runs without it
    expect((await run(process)).stdout).toBe('/\n--require=/nowhere.js||asked\n')
  })

  it('tells a signal that ended it, and delivers one', async () => {
    const process = sh('trap "echo got; exit 3" USR1; echo ready; while :; do sleep 0.05; done')
    await once(process.stdout, 'readable')
    process.signal('SIGUSR1')
    expect(await run(process)).toMatchObject({ exit: { code: 3 }, stdout: 'ready\ngot\n' })
    const second = sh('kill -TERM $$')
    expect((await run(second)).exit).toEqual({ code: 143, signal: 'SIGTERM' })
  })

  it('ends when the command ends, though something it started holds the output open', async () => {
    const { stdout, exit } = await run(sh('sleep 300 & echo $!; exit 4'))
    expect(exit.code).toBe(4)
    const left = Number(stdout)
    expect(isAlive(left)).toBe(true)
    process.kill(left)
  })

  it('takes the whole process group along when the laptop lets go', async () => {
    const process = sh('sh -c "echo \\$\\$; exec sleep 300" & echo $$; wait')
    const pids = await lines(process.stdout, 2)
    expect(pids.every(pid => isAlive(Number(pid)))).toBe(true)
    process.close()
    await expect.poll(() => pids.some(pid => isAlive(Number(pid)))).toBe(false)
    await expect(process.exit).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('kills what does not go when it is told', async () => {
    const process = sh('trap "" TERM HUP; echo $$; while :; do sleep 1; done')
    const [pid] = await lines(process.stdout, 1)
    process.close()
    await expect.poll(() => isAlive(Number(pid))).toBe(false)
  })

  it('ends with its connection, and the agent goes on', async () => {
    const other = await agent.attach()
    const process = other.client.exec({ argv: ['sh', '-c', 'echo $$; exec sleep 300'] })
    const [pid] = await lines(process.stdout, 1)
    other.process.kill('SIGKILL')
    await expect(process.exit).rejects.toMatchObject({ code: 'connection-lost' })
    await expect.poll(() => isAlive(Number(pid))).toBe(false)
    expect((await run(sh('exit 0'))).exit.code).toBe(0)
  })

  describe('with a terminal', () => {
    const size = { columns: 100, rows: 30, term: 'xterm-test' }
    const inTerminal = (script: string) =>
      attached.client.exec({ argv: ['sh', '-c', script], env: quiet, terminal: size })

    it('is a terminal of that size and kind, and gives the exit code', async () => {
      const { stdout, exit } = await run(inTerminal('tty >/dev/null && stty size && echo $TERM; exit 9'))
      expect(stdout).toBe('30 100\r\nxterm-test\r\n')
      expect(exit).toEqual({ code: 9 })
    })

    it('takes input, a new size, and Ctrl-C', async () => {
      const process = inTerminal(
        'trap "echo interrupted; exit 5" INT; read line; stty size; while :; do sleep 0.05; done',
      )
      process.resize({ columns: 80, rows: 20 })
      process.stdin.write('go\r')
      const shown = collect(process.stdout)
      await expect.poll(() => shown.text).toContain('20 80')
      process.stdin.write('\x03')
      expect(await process.exit).toEqual({ code: 5 })
      expect(shown.text).toContain('interrupted')
    })

    it('gives all of a long output', async () => {
      const { stdout } = await run(inTerminal('seq 1 200000'))
      expect(stdout.split('\r\n').slice(-2)).toEqual(['200000', ''])
      expect(stdout.split('\r\n')).toHaveLength(200_001)
    })

    it('says that a program was not found', async () => {
      const process = attached.client.exec({ argv: ['no-such-program'], terminal: size })
      const { exit, stdout } = await run(process)
      expect(exit.code).toBe(127)
      expect(stdout).toContain('not found')
    })

    it('hangs up when the laptop lets go, and leaves no file', async () => {
      const { readdirSync } = await import('node:fs')
      const process = inTerminal('echo $$; exec sleep 300')
      const [pid] = await lines(process.stdout, 1)
      process.close()
      await expect.poll(() => isAlive(Number(pid))).toBe(false)
      await expect.poll(() => readdirSync(agent.files.private).filter(name => name.startsWith('x-'))).toEqual([])
    })

    it('is ended by the next agent when its own was killed', async () => {
      const other = await agent.attach()
      const process = other.client.exec({ argv: ['sh', '-c', 'echo $$; exec sleep 300'], terminal: size })
      const [pid] = await lines(process.stdout, 1)
      const before = agent.pid
      globalThis.process.kill(before, 'SIGKILL')
      await expect.poll(() => agent.pid !== before && isAlive(agent.pid)).toBe(true)
      await expect.poll(() => isAlive(Number(pid))).toBe(false)
      attached = await agent.attach()
    })
  })
})

async function run(process: RemoteProcess): Promise<Outcome> {
  const [stdout, stderr, exit] = await Promise.all([readAll(process.stdout), readAll(process.stderr), process.exit])
  return { exit, stdout: stdout.toString(), stderr: stderr.toString() }
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function collect(stream: Readable): { text: string } {
  const shown = { text: '' }
  stream.on('data', chunk => {
    shown.text += chunk
  })
  return shown
}

async function lines(stream: Readable, count: number): Promise<string[]> {
  const shown = collect(stream)
  await expect.poll(() => shown.text.split(/\r?\n/).length).toBeGreaterThan(count)
  return shown.text.split(/\r?\n/).slice(0, count)
}

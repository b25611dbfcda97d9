import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const cli = fileURLToPath(new URL('../../../dist/podswap.cjs', import.meta.url))
const manifest = `dev:
  web:
    command: [sleep, "1000"]
    sync: ["./app:/app"]
`

interface Finished {
  code: number | null
  stdout: string
  stderr: string
  elapsedMs: number
}

describe('the built command line', () => {
  let folder: string
  let env: Record<string, string>
  /** Takes connections and says nothing. */
  let silent: Server
  let refusing: string

  beforeAll(async () => {
    if (!existsSync(cli)) throw new Error(`${cli} is missing: run npm run build`)
    folder = mkdtempSync(join(tmpdir(), 'podswap-main-'))
    mkdirSync(join(folder, 'app'))
    mkdirSync(join(folder, 'elsewhere'))
    silent = createServer(socket => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    refusing = `https://127.0.0.1:${(closed.address() as AddressInfo).port}`
    closed.close()
    await once(closed, 'close')
    writeFileSync(join(folder, 'refusing.kubeconfig'), kubeconfig(refusing))
    writeFileSync(
      join(folder, 'silent.kubeconfig'),
      kubeconfig(`https://127.0.0.1:${(silent.address() as AddressInfo).port}`),
    )
    writeFileSync(join(folder, 'dev.yml'), manifest)
    env = {
      PATH: process.env.PATH ?? '',
      HOME: join(folder, 'home'),
      PODSWAP_HOME: join(folder, 'state'),
      KUBECONFIG: join(folder, 'refusing.kubeconfig'),
    }
  })
  afterAll(() => {
    silent.close()
    rmSync(folder, { recursive: true })
  })

  function start(args: string[], more: { env?: Record<string, string>; cwd?: string } = {}): ChildProcess {
    return spawn(process.execPath, [cli, ...args], { cwd: join(folder, more.cwd ?? '.'), env: { ...env, ...more.env } })
  }

  async function finish(child: ChildProcess): Promise<Finished> {
    const begun = performance.now()
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', text => {
      stdout += text
    })
    child.stderr?.on('data', text => {
      stderr += text
    })
    const [code] = await once(child, 'close')
    return { code, stdout, stderr, elapsedMs: performance.now() - begun }
  }

  const podswap = (args: string[], more?: Parameters<typeof start>[1]) => finish(start(args, more))

  /** How many times slower this machine is now than one where `podswap --version` takes 100 ms; at least 1. */
  async function slowness(): Promise<number> {
    return Math.max(1, (await podswap(['--version'])).elapsedMs / 100)
  }

  const commands = ['up', 'down', 'status', 'exec', 'attach', 'flush', 'logs', 'restore', 'completion']

  describe('help', () => {
    test('names every command, with examples, on stdout', async () => {
      const { code, stdout, stderr } = await podswap(['--help'])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
      expect(stdout).toContain('Examples:')
      expect(stdout).toContain('Exit codes:')
      expect(stdout).not.toContain('__hold')
    })

    test.each(commands)('of %s has examples and the options that mean the same everywhere', async command => {
      const { code, stdout } = await podswap([command, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain(`Examples:\n  podswap ${command}`)
      for (const option of ['--file', '--namespace', '--context', '--json', '--no-color', '--verbose']) {
        expect(stdout).toContain(option)
      }
    })

    test('is printed to stderr, with code 2, where nothing was asked for', async () => {
      const { code, stdout, stderr } = await podswap([])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain('Usage: podswap')
    })

    test('costs little more than Node itself', () => {
      const time = (args: string[]) => {
        const begun = performance.now()
        spawnSync(process.execPath, args, { env })
        return performance.now() - begun
      }
      // what else the machine does only adds to it: the least of many tells, of the more the busier it is
      const least = { help: Number.POSITIVE_INFINITY, empty: Number.POSITIVE_INFINITY }
      // 150 ms on a machine where Node takes 40; one that is slow is so for both.
      const allowed = () => 150 * Math.max(1, least.empty / 40)
      for (let round = 0; round < 9 || (round < 60 && least.help > allowed()); round++) {
        least.help = Math.min(least.help, time([cli, '--help']))
        least.empty = Math.min(least.empty, time(['-e', '0']))
      }
      expect(least.help).toBeLessThanOrEqual(allowed())
    })

    test('the version is the package’s', async () => {
      expect((await podswap(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    })
  })

  describe('completion', () => {
    test('knows every command and option', async () => {
      for (const shell of ['bash', 'zsh', 'fish']) {
        const { code, stdout } = await podswap(['completion', shell])
        expect(code).toBe(0)
        for (const word of [...commands, 'take-over', 'down-on-exit']) expect(stdout).toContain(word)
        expect(stdout).not.toContain('__hold')
      }
    })

    test.skipIf(spawnSync('bash', ['-c', 'true']).status !== 0)('works in bash', async () => {
      const { stdout } = await podswap(['completion', 'bash'])
      const complete = (...words: string[]) => {
        const script = `${stdout}
COMP_WORDS=(${words.map(word => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _podswap; echo "\${COMPREPLY[@]}"`
        return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split(' ')
      }
      expect(complete('podswap', 'st')).toEqual(['status'])
      expect(complete('podswap', 'up', '--de')).toEqual(['--detach'])
      expect(complete('podswap', 'completion', 'f')).toEqual(['fish'])
      expect(complete('podswap', '-n', 'team', 'fl')).toEqual(['flush'])
      expect(complete('podswap', 'exec', '--', 'l')).toEqual([''])
      expect(complete('podswap', 'restore', '--si')).toEqual(['--since'])
      expect(complete('podswap', 'restore', join(folder, 'dev.y'))).toEqual([join(folder, 'dev.yml')])
    })
  })

  describe('wrong usage: exit code 2, with a hint, nothing on stdout', () => {
    test.each<[string[], RegExp]>([
      [['upp'], /unknown command 'upp'[\s\S]*hint: Did you mean up\?/],
      [['up', '--detac'], /unknown option '--detac'[\s\S]*hint: Did you mean --detach\?/],
      [['exec', '--'], /no command after --/],
      [['down', '--', 'ls'], /takes no command after --/],
      [['down', '--all', 'web'], /either names or --all/],
      [['flush', '--timeout', 'soon'], /--timeout wants seconds above 0, not soon/],
      [['flush', '--timeout', '0'], /--timeout wants seconds above 0, not 0/],
      [['completion', 'tcsh'], /no completion for tcsh/],
      [['completion'], /missing required argument/],
      [['exec', 'a', 'b', '--', 'ls'], /too many arguments/],
      [['up', 'api'], /the manifest has no dev api[\s\S]*hint: it has web/],
    ])('podswap %j', async (args, says) => {
      const { code, stdout, stderr } = await podswap(args)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toMatch(says)
      expect(stderr).toMatch(/^podswap: [^\n]+\n( {2}hint: [^\n]+\n)+$/)
    })
  })

  describe('a wrong manifest: exit code 2', () => {
    test('every complaint with file:line:column from here', async () => {
      writeFileSync(join(folder, 'bad.yml'), 'dev:\n  web:\n    sync: ["./app:app"]\n    forward: ["70000:80"]\n')
      const { code, stderr } = await podswap(['up', '-f', 'bad.yml'])
      expect(code).toBe(2)
      expect(stderr).toMatch(/^bad\.yml:3:\d+: /m)
      expect(stderr).toMatch(/^bad\.yml:4:\d+: /m)
    })

    test('none where there should be one', async () => {
      expect(await podswap(['up'], { cwd: 'elsewhere' })).toMatchObject({ code: 2, stdout: '' })
      expect(await podswap(['up', '-f', 'missing.yml'])).toMatchObject({
        code: 2,
        stdout: '',
        stderr: 'podswap: there is no file "missing.yml"\n  hint: check the path that follows -f\n',
      })
      // What can do without one must still not do without one that was asked for.
      expect(await podswap(['down', '-f', 'missing.yml'])).toMatchObject({ code: 2, stdout: '' })
    })
  })

  describe('no cluster: exit code 1 within 10 seconds', () => {
    const calls = [['up'], ['up', '--detach'], ['up', '--dry-run'], ['down'], ['status'], ['exec', '--', 'ls']]
    test.each(calls)('refused: podswap %s %s', async (...args) => {
      const done = await podswap(args)
      expect(done).toMatchObject({ code: 1 })
      expect(done.stderr).toContain(refusing.slice('https://'.length))
      expect(done.stderr).toContain('hint: ')
      expect(done.stderr).not.toMatch(/this is a bug|\n\s+at /)
      expect(done.stdout + done.stderr).not.toContain('\x1b')
      expect(done.elapsedMs).toBeLessThan(10_000 * (await slowness()))
    })

    test('silent', async () => {
      const done = await podswap(['up', '--detach'], { env: { KUBECONFIG: join(folder, 'silent.kubeconfig') } })
      expect(done).toMatchObject({ code: 1 })
      expect(done.stderr).toContain('127.0.0.1')
      expect(done.elapsedMs).toBeLessThan(10_000 * (await slowness()))
    })

    test('no kubeconfig', async () => {
      const done = await podswap(['status'], { env: { KUBECONFIG: join(folder, 'none') } })
      expect(done).toMatchObject({ code: 1, stdout: '' })
      expect(done.stderr).toMatch(/no kubeconfig[\s\S]*hint: /)
    })

    test('no such context', async () => {
      const done = await podswap(['status', '--context', 'other'])
      expect(done.code).toBe(2)
      expect(done.stderr).toContain('other')
    })

    test('--verbose adds the causes', async () => {
      expect((await podswap(['status', '--verbose'])).stderr).toMatch(/\n {2}cause: /)
      expect((await podswap(['status'])).stderr).not.toMatch(/cause: /)
    })

    test('leaves neither a process’s record nor a socket', async () => {
      await podswap(['up'])
      await podswap(['up', '--detach'])
      expect(readdirSync(join(folder, 'state', 'run'))).toEqual([])
    })
  })

  test('Ctrl-C: exit code 130', async () => {
    const child = start(['status'], { env: { KUBECONFIG: join(folder, 'silent.kubeconfig') } })
    await once(silent, 'connection')
    const finished = finish(child)
    child.kill('SIGINT')
    expect(await finished).toMatchObject({ code: 130, stdout: '' })
  })

  test('flush asks only processes of this machine', async () => {
    const done = await podswap(['flush'])
    expect(done.code).toBe(1)
    expect(done.stderr).toMatch(/no podswap process on this machine holds web\n {2}hint: podswap up web --detach/)
  })

  test('attach without a terminal is refused', async () => {
    expect(await podswap(['attach'])).toMatchObject({ code: 2, stderr: expect.stringContaining('needs a terminal') })
  })

  test('a broken manifest that nobody asked for is in nobody’s way', async () => {
    writeFileSync(join(folder, 'elsewhere', 'dev.yml'), 'dev: [')
    const done = await podswap(['down'], { cwd: 'elsewhere' })
    expect(done.code).toBe(1)
    expect(done.stderr).toMatch(/^podswap: going without the manifest: dev\.yml:1:\d+: /)
    rmSync(join(folder, 'elsewhere', 'dev.yml'))
  })
})

function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: 'none' } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'team' } }],
  })
}

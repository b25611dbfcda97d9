import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { childrenOf, initProgram, isAlive } from './init-program.ts'

const scrollbackBytes = 64 * 1024
/** `HANG_UP_MS` in native/pty.c. */
const hangUpMs = 5_000
/** How long a state may take to come. */
const soon = { timeout: 30_000 }

class Client {
  readonly socket: Socket
  #chunks: Buffer[] = []
  readonly closed: Promise<unknown>

  constructor(path: string) {
    this.socket = connect(path)
    this.socket.on('error', () => {})
    this.socket.on('data', chunk => this.#chunks.push(chunk))
    // a close with keys that nobody read is an error first
    this.closed = new Promise(resolve => this.socket.once('close', resolve))
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  type(text: string | Buffer): boolean {
    return this.socket.write(message(0, Buffer.from(text)))
  }

  resize(columns: number, rows: number): void {
    this.socket.write(message(1, Buffer.from([columns >> 8, columns & 255, rows >> 8, rows & 255])))
  }

  signal(number: number): void {
    this.socket.write(message(2, Buffer.of(number)))
  }

  sees(text: RegExp): Promise<void> {
    return vi.waitFor(() => expect(this.bytes.toString()).toMatch(text), soon)
  }
}

/** The number by which the kernel knows `/dev/pts/N`: Unix98 terminals have the majors from 136 on, 256 in each. */
function terminalDevice(path: string): number {
  const index = Number(path.slice('/dev/pts/'.length))
  return (136 + (index >> 8)) * 256 + (index & 255)
}

function message(type: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type, payload.length >> 8, payload.length & 255), payload])
}

describe.skipIf(initProgram === null)('init pty', () => {
  let folder: string
  let path: string
  let holder: ChildProcess
  let ended: Promise<number | null>
  const open: Client[] = []

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'podswap-pty-'))
    path = join(folder, 'sock')
  })
  afterEach(async () => {
    for (const client of open.splice(0)) client.socket.destroy()
    if (holder.exitCode === null && holder.signalCode === null) {
      holder.kill('SIGKILL')
      await ended
    }
    rmSync(folder, { recursive: true })
  })

  async function start(command: string[], env: Record<string, string> = {}): Promise<void> {
    holder = spawn(initProgram!, ['pty', path, '80x24', ...command], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    ended = once(holder, 'close').then(([code]) => code)
    await vi.waitFor(() => expect(existsSync(path) || existsSync(`${path}.exit`)).toBe(true), soon)
  }
  const shell = (script: string, env = {}) => start(['sh', '-c', script], env)
  async function attach(): Promise<Client> {
    const client = new Client(path)
    open.push(client)
    await once(client.socket, 'connect')
    return client
  }
  const exitCode = async () => {
    await vi.waitFor(() => expect(existsSync(`${path}.exit`)).toBe(true), soon)
    return readFileSync(`${path}.exit`, 'latin1')
  }

  test('echoes, hands over input and output, and leaves the exit code', async () => {
    await shell('read line; echo "got $line"; exit 7')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const client = await attach()
    client.type('hello\n')
    await client.closed
    expect(client.bytes.toString()).toBe('hello\r\ngot hello\r\n')
    expect(await exitCode()).toBe('7')
    expect(await ended).toBe(7)
    expect(existsSync(path)).toBe(false)
    expect(existsSync(`${path}.exit.new`)).toBe(false)
  })

  test('takes messages in any pieces', async () => {
    await shell('stty -echo; echo up; read a; read b; stty size; echo "[$a][$b]"')
    const client = await attach()
    await client.sees(/up/)
    const bytes = Buffer.concat([
      message(0, Buffer.from('one\nt')),
      message(1, Buffer.of(0, 90, 0, 30)),
      message(0, Buffer.from('wo\n')),
    ])
    for (const byte of bytes) await new Promise(done => client.socket.write(Buffer.of(byte), done))
    await client.closed
    expect(client.bytes.toString()).toBe('up\r\n30 90\r\n[one][two]\r\n')
  })

  test('has its own session, terminal and first size, and the environment as given', async () => {
    const env = { LD_LIBRARY_PATH: '/some/where', NODE_OPTIONS: '--inspect', TERM: 'xterm-256color' }
    await shell('stty size; tty; read -r stat </proc/$$/stat; echo "$stat"; env; echo end', env)
    const client = await attach()
    await client.closed
    const [size, tty, stat] = client.bytes.toString().split('\r\n')
    expect(size).toBe('24 80')
    expect(tty).toMatch(/^\/dev\/pts\/\d+$/)
    // pid (name) state parent group session terminal …, see proc(5)
    const [pid] = stat!.split(' ')
    const [, , group, session, device] = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
    expect([session, group]).toEqual([pid, pid])
    expect(Number(device)).toBe(terminalDevice(tty!))
    for (const [name, value] of Object.entries(env)) expect(client.bytes.toString()).toContain(`${name}=${value}\r\n`)
  })

  test('tells the program that the window has changed', async () => {
    await shell('trap "stty size" WINCH; echo up; while :; do sleep 0.02; done')
    const client = await attach()
    await client.sees(/up/)
    client.resize(132, 50)
    await client.sees(/50 132\r\n/)
    client.resize(300, 1000)
    await client.sees(/1000 300\r\n/)
  })

  test('Ctrl-C goes to the program, a signal to the foreground group', async () => {
    await shell('trap "echo int" INT; trap "echo usr1" USR1; echo up; while :; do sleep 0.02; done')
    const client = await attach()
    await client.sees(/up/)
    client.type('\x03')
    await client.sees(/\^Cint\r\n/)
    client.signal(10)
    await client.sees(/usr1\r\n/)
    client.type('\x1c')
    await client.closed
    expect(await exitCode()).toBe(`${128 + 3}`)
  })

  test.each([
    ['a signal', 'kill -9 $$', '137'],
    ['success', 'true', '0'],
    ['255', 'exit 255', '255'],
  ])('exit code of %s', async (_name, script, code) => {
    await shell(script)
    await attach()
    expect(await exitCode()).toBe(code)
  })

  test('a program that nobody watches never waits, and its last 64 KiB are shown to who comes', async () => {
    const done = join(folder, 'done')
    await shell(`stty -opost; seq 1 200000; touch ${done}; read line; echo "and $line"`)
    await vi.waitFor(() => expect(existsSync(done)).toBe(true), soon)
    const printed = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('')
    const first = await attach()
    await vi.waitFor(() => expect(first.bytes.length).toBeGreaterThanOrEqual(scrollbackBytes), soon)
    expect(first.bytes.toString()).toBe(printed.slice(-scrollbackBytes))
    first.socket.destroy()
    const second = await attach()
    second.type('more\n')
    await second.closed
    expect(second.bytes.toString()).toBe(`${printed.slice(-scrollbackBytes)}more\nand more\n`)
  })

  test('a new client replaces the old one', async () => {
    await shell('echo up; read line; echo "got $line"')
    const old = await attach()
    await old.sees(/up/)
    const fresh = await attach()
    await old.closed
    fresh.type('x\n')
    await fresh.closed
    expect(fresh.bytes.toString()).toBe('up\r\nx\r\ngot x\r\n')
  })

  test('a client that does not read makes the program wait, and gets every byte', async () => {
    const progress = join(folder, 'progress')
    const blocks = 200
    await shell(
      `stty -opost -echo; echo up; read go; for i in $(seq ${blocks}); do head -c 65536 /dev/zero | tr '\\0' x; echo $i >${progress}; done; echo end`,
    )
    const client = await attach()
    await client.sees(/up/)
    client.socket.pause()
    client.type('go\n')
    const reached = () => (existsSync(progress) ? Number(readFileSync(progress, 'latin1')) : 0)
    let last = -1
    // it goes on until every buffer on the way is full
    await vi.waitUntil(
      () => {
        const before = last
        last = reached()
        return last > 0 && last === before
      },
      { interval: 300, ...soon },
    )
    expect(last).toBeLessThan(blocks / 4)
    client.socket.resume()
    await client.closed
    expect(client.bytes.length).toBe('up\n'.length + blocks * 65536 + 'end\n'.length)
    expect(await exitCode()).toBe('0')
  })

  test('a long paste reaches a program that reads late', async () => {
    await shell('stty raw -echo; echo up; read -r go <&0; head -c 600000 | cksum')
    const client = await attach()
    await client.sees(/up/)
    const paste = Buffer.from(Array.from({ length: 600_000 }, (_, index) => (index * 7 + (index >> 8)) & 255))
    client.type('go\n')
    for (let at = 0; at < paste.length; at += 65_535) client.type(paste.subarray(at, at + 65_535))
    const file = join(folder, 'paste')
    writeFileSync(file, paste)
    const sum = spawn('cksum', { stdio: ['pipe', 'pipe', 'inherit'] })
    sum.stdin.end(paste)
    const [expected] = await once(sum.stdout, 'data')
    await client.closed
    expect(client.bytes.toString()).toContain(expected.toString().trim())
  })

  test('outlives whoever started it and whoever watched it', async () => {
    // an agent of sorts: starts the holder, watches it, and is killed
    const agent = spawn(
      process.execPath,
      [
        '-e',
        `const [init, path] = process.argv.slice(1)
        const program = 'n=0; while read line; do n=$((n+1)); echo "$n $line"; done'
        require('node:child_process').spawn(init, ['pty', path, '80x24', 'sh', '-c', program], { stdio: 'ignore' })
        const look = setInterval(() => {
          if (!require('node:fs').existsSync(path)) return
          clearInterval(look)
          const socket = require('node:net').connect(path)
          socket.write(Buffer.from([0, 0, 2, 97, 10]))
          socket.on('data', bytes => process.stdout.write(bytes))
        }, 10)`,
        initProgram!,
        path,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
    )
    holder = agent
    ended = once(agent, 'close').then(([code]) => code)
    let seen = ''
    agent.stdout!.on('data', chunk => {
      seen += chunk
    })
    await vi.waitFor(() => expect(seen).toContain('1 a'), soon)
    const pty = childrenOf(agent.pid!)[0]!.pid
    process.kill(-agent.pid!, 'SIGKILL')
    await ended
    expect(isAlive(pty)).toBe(true)
    const client = await attach()
    client.type('b\n')
    await client.sees(/2 b\r\n/)
    expect(client.bytes.toString()).toBe('a\r\n1 a\r\nb\r\n2 b\r\n')
    process.kill(pty, 'SIGTERM')
    await vi.waitFor(() => expect(isAlive(pty)).toBe(false), soon)
    expect(await exitCode()).toBe(`${128 + 15}`)
  })

  test.each([
    ['SIGTERM', 'trap "echo told; exit 3" TERM', '3', /told/],
    ['then SIGHUP', 'trap "echo not yet" TERM; trap "echo hung up; exit 4" HUP', '4', /not yet(.|\s)*hung up/],
    ['then SIGKILL', 'trap "" TERM HUP', '137', /up/],
  ])('a signal to the holder ends the program: %s', async (_name, traps, code, said) => {
    await shell(`${traps}; echo up; while :; do sleep 0.05; done`)
    const client = await attach()
    await client.sees(/up/)
    holder.kill('SIGTERM')
    await client.closed
    expect(client.bytes.toString()).toMatch(said)
    expect(await exitCode()).toBe(code)
  })

  test('deadlines begin with what they are for, however long nothing happened before', async () => {
    await shell('trap "echo told; exit 3" TERM; stty -opost; echo up; while :; do read line; seq 1 20000; done')
    const client = await attach()
    await client.sees(/up/)
    client.type('\n')
    await client.sees(/\n20000\n/)
    // longer than any of them
    await new Promise(resolve => setTimeout(resolve, 7_500))
    holder.kill('SIGTERM')
    await client.closed
    expect(client.bytes.toString()).toMatch(/told\n$/)
    expect(await exitCode()).toBe('3')
  })

  test('an idle interactive shell, which ignores SIGTERM, ends at once', async () => {
    await start(['sh', '-i'], { PS1: 'ready> ' })
    const client = await attach()
    await client.sees(/ready> $/)
    const begun = performance.now()
    holder.kill('SIGTERM')
    await client.closed
    // by the hang-up, which others get only after these seconds
    expect(performance.now() - begun).toBeLessThan(hangUpMs)
    expect(await exitCode()).toBe(`${128 + 1}`)
  })

  test.each([
    ['/nowhere', '127', 'podswap: /nowhere: not found\r\n'],
    ['/etc/passwd', '126', 'podswap: /etc/passwd: permission denied\r\n'],
  ])('the program starts with its first client, which misses nothing: %s', async (file, code, said) => {
    await start([file])
    const client = await attach()
    await client.closed
    expect(client.bytes.toString()).toBe(said)
    expect(await exitCode()).toBe(code)
    expect(readFileSync(`${path}.out`, 'latin1')).toBe(said)
  })

  test('a program that nobody wants to see starts all the same; what it said last is kept', async () => {
    await shell('stty -opost; seq 1 100000; exit 3')
    expect(await exitCode()).toBe('3')
    const printed = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
    expect(readFileSync(`${path}.out`, 'latin1')).toBe(printed.slice(-scrollbackBytes))
    expect(statSync(`${path}.out`).mode & 0o777).toBe(0o600)
  })

  test('a signal before the program has started', async () => {
    await start(['cat'])
    holder.kill('SIGTERM')
    expect(await ended).toBe(128 + 15)
    expect(await exitCode()).toBe(`${128 + 15}`)
  })

  test('ends with the program though something in the background holds the terminal', async () => {
    await shell('(trap "" HUP; exec sleep 1000) & echo "left $!"; read line; exit 5')
    const client = await attach()
    // Else it may have ended before anybody is there.
    await client.sees(/left \d+/)
    client.type('\n')
    expect(await exitCode()).toBe('5')
    expect(await ended).toBe(5)
    process.kill(Number(/left (\d+)/.exec(client.bytes.toString())![1]), 'SIGKILL')
  })

  test('removes what an earlier one left, and says why it cannot listen', async () => {
    writeFileSync(`${path}.exit`, '9')
    writeFileSync(`${path}.out`, 'old')
    writeFileSync(path, '')
    await shell('read line')
    await vi.waitFor(() => expect(statSync(path).isSocket()).toBe(true), soon)
    expect(existsSync(`${path}.exit`)).toBe(false)
    expect(existsSync(`${path}.out`)).toBe(false)
    const other = spawn(initProgram!, ['pty', join(folder, 'no', 'such'), '80x24', 'true'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    other.stderr!.on('data', chunk => {
      said += chunk
    })
    expect((await once(other, 'close'))[0]).toBe(125)
    expect(said).toBe(`podswap: ${join(folder, 'no', 'such')}: cannot listen\n`)
  })
})

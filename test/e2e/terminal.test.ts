import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CleanUp } from './support/clean-up.ts'
import { Laptop } from './support/laptop.ts'
import { TestNamespace } from './support/namespace.ts'
import type { Terminal } from './support/terminal.ts'
import { before, expectLaptopClean, expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'
import { deploy } from './support/workloads.ts'

/** A dev command that tells everything a terminal does to it. */
const program = `
const say = text => console.log(text)
const size = () => process.stdout.columns + 'x' + process.stdout.rows
say('terminal: ' + process.stdin.isTTY + ' ' + process.stdout.isTTY + ' ' + size() + ' ' + process.env.TERM)
say('\\x1b[31mred\\x1b[0m and \\x1b[38;2;10;200;30mgreen\\x1b[0m')
process.stdout.on('resize', () => say('resized: ' + size()))
process.on('SIGINT', () => say('got SIGINT'))
process.stdin.setEncoding('utf8').on('data', line => {
  say('line: ' + JSON.stringify(line))
  if (line === 'raw\\n') {
    process.stdin.setRawMode(true)
    say('raw mode')
  }
  if (line === 'leave raw') process.stdin.setRawMode(false)
  if (line === 'exit\\n') process.exit(0)
  if (line === 'exit 9\\n') process.exit(9)
})
`

describe('the dev command’s terminal', () => {
  const cleanUp = new CleanUp()
  let namespace: TestNamespace
  let laptop: Laptop
  let manifest: string
  let folder: string

  beforeAll(async () => {
    namespace = cleanUp.use(await TestNamespace.create('terminal'))
    laptop = cleanUp.use(new Laptop())
    await deploy(namespace.admin)
    folder = laptop.folder('app', { 'program.js': program })
    const dev = {
      image: 'podswap.test/node:1',
      imagePullPolicy: 'IfNotPresent',
      workdir: '/app',
      command: ['node', 'program.js'],
      sync: ['./app:/app'],
    }
    laptop.folder('.', { 'dev.yml': { namespace: namespace.name, dev: { web: dev } } })
    manifest = `${laptop.root}/dev.yml`
  })

  afterAll(() => cleanUp[Symbol.asyncDispose]())

  describe('of up', () => {
    let terminal: Terminal

    it('has the size of ours and says what it is', async () => {
      terminal = laptop.terminal(['up', '-f', manifest], { columns: 97, rows: 31 })
      await terminal.shows(/terminal: true true 97x31 xterm-256color/, { deadlineMs: 90_000 })
    })

    it('passes colours on', async () => {
      await terminal.shows(/green/)
      expect(terminal.output).toContain('\x1b[31mred\x1b[0m and \x1b[38;2;10;200;30mgreen\x1b[0m')
    })

    it('follows a change of the window’s size', async () => {
      terminal.resize(120, 40)
      await terminal.shows(/resized: 120x40/)
    })

    it('gives what is typed to the program, once', async () => {
      terminal.type('hëllo\r')
      await terminal.shows(/line: "hëllo\\n"/)
      // the echo is the pod's terminal's; a second one would be ours
      expect(terminal.output.match(/hëllo/g)).toHaveLength(2)
    })

    it('gives Ctrl-C to the program, and up goes on', async () => {
      terminal.type('\x03')
      await terminal.shows(/got SIGINT/)
      expect(terminal.running).toBe(true)
    })

    it('gives single keys to a program in raw mode, Ctrl-C and escape sequences among them', async () => {
      terminal.type('raw\r')
      await terminal.shows(/raw mode/)
      terminal.type('\x03')
      await terminal.shows(/line: "\\u0003"/)
      terminal.type('\x1b[A')
      await terminal.shows(/line: "\\u001b\[A"/)
      terminal.type('leave raw')
      await terminal.shows(/line: "leave raw"/)
    })

    it('is left with Enter ~ . while the program goes on; dev mode stays on and it says how to end it', async () => {
      const from = terminal.output.length
      terminal.type('\r~.')
      expect(await terminal.finished()).toMatchObject({ code: 0, settingsKept: true })
      expect(terminal.output.slice(from)).toMatch(/still on/)
      expect(terminal.output.slice(from)).toMatch(/podswap down/)
      const clone = await namespace.admin.get('deployment', 'web-podswap')
      expect(clone.status.readyReplicas).toBe(1)
    })

    it('is taken again by the next up, with what the program printed', async () => {
      terminal = laptop.terminal(['up', '-f', manifest], { columns: 80, rows: 24 })
      await terminal.shows(/line: "hëllo\\n"/, { deadlineMs: 60_000 })
      await terminal.shows(/resized: 80x24/)
      terminal.type('still there\r')
      await terminal.shows(/line: "still there\\n"/)
      expect(terminal.output.match(/terminal: true true/g) ?? []).toHaveLength(1)
    })

    it('ends with the program; dev mode stays on and it says how to end it', async () => {
      const from = terminal.output.length
      terminal.type('exit 9\r')
      expect(await terminal.finished()).toMatchObject({ code: 9, settingsKept: true })
      expect(terminal.output.slice(from)).toMatch(/podswap down/)
      expect((await namespace.admin.get('deployment', 'web')).spec.replicas).toBe(0)
    })
  })

  describe('of exec', () => {
    beforeAll(() => laptop.ok(['up', '--detach', '-f', manifest]))

    it('is a terminal of our size, in which Ctrl-C reaches the command', async () => {
      const script = 'stty size; trap "echo caught" INT; echo waiting; while :; do read -r line && echo "$line"; done'
      const terminal = laptop.terminal(['exec', '-f', manifest, '--', 'bash', '-c', script], { columns: 101, rows: 33 })
      await terminal.shows(/33 101/)
      await terminal.shows(/waiting/)
      terminal.type('\x03')
      await terminal.shows(/caught/)
      await terminal.kill()
    })

    it('gives the exit code and the terminal back', async () => {
      const terminal = laptop.terminal(['exec', '-f', manifest, '--', 'sh', '-c', 'test -t 0 && test -t 1 && exit 7'])
      expect(await terminal.finished()).toEqual({ code: 7, settingsKept: true })
    })
  })

  describe('where it must be plain', () => {
    it('prints no escape byte without a terminal', async () => {
      for (const args of [['status'], ['flush'], ['status', '--json'], ['up', '--detach'], ['down', '--help']]) {
        const { stdout, stderr } = await laptop.ok([...args, '-f', manifest])
        expect(stdout + stderr, args.join(' ')).not.toContain('\x1b')
      }
    })

    it('prints no colour in a terminal with NO_COLOR or --no-color', async () => {
      const env = { NO_COLOR: '1' }
      const byVariable = laptop.terminal(['status', '-f', manifest], { env })
      await byVariable.finished()
      const byOption = laptop.terminal(['status', '--no-color', '-f', manifest])
      await byOption.finished()
      const coloured = laptop.terminal(['status', '-f', manifest])
      await coloured.finished()
      expect(byVariable.output).toMatch(/web/)
      expect(byVariable.output).not.toContain('\x1b')
      expect(byOption.output).toMatch(/web/)
      expect(byOption.output).not.toContain('\x1b')
      expect(coloured.output).toContain('\x1b[')
    })
  })

  it('goes with down: the background process ends too', async () => {
    await laptop.ok(['down', '-f', manifest])
    await until('the session’s process ended', () => laptop.processes().length === 0)
    await expectLaptopClean(laptop, [], [folder])
  })

  it('a lost terminal (SIGHUP) leaves dev mode on', async () => {
    const was = await before(namespace.admin)
    const terminal = laptop.terminal(['up', '-f', manifest])
    await terminal.shows(/terminal: true true/, { deadlineMs: 90_000 })
    process.kill(await terminal.pid(), 'SIGHUP')
    await terminal.finished()
    expect((await namespace.admin.get('deployment', 'web')).spec.replicas).toBe(0)
    await laptop.ok(['down', '-f', manifest])
    await expectRestored(namespace.admin, was)
  })
})

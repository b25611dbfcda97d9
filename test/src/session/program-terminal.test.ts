import { EventEmitter } from 'node:events'
import type { ReadStream, WriteStream } from 'node:tty'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Link, openLink } from '../../../src/session/link.ts'
import { PortTrust } from '../../../src/session/port-trust.ts'
import { PlainText } from '../../../src/session/program-output.ts'
import { ProgramTerminal } from '../../../src/session/program-terminal.ts'
import { FakeTime } from '../../syncer/wire/fake-time.ts'
import { FakePod } from './fake-pod.ts'

/** Our end of a terminal: its mode, and who listens. */
class FakeInput extends EventEmitter {
  raw = false
  flowing = false
  setRawMode(raw: boolean) {
    this.raw = raw
    return this
  }
  resume() {
    this.flowing = true
    return this
  }
  pause() {
    this.flowing = false
    return this
  }
  type(keys: string) {
    this.emit('data', Buffer.from(keys))
  }
}

class FakeOutput extends EventEmitter {
  columns = 100
  rows = 30
  text = ''
  /** What the next writes answer. */
  room = true
  write(chunk: Buffer | string) {
    this.text += chunk
    return this.room
  }
}

let time: FakeTime
let pod: FakePod
let input: FakeInput
let output: FakeOutput
let told: string[]
let terminal: ProgramTerminal

beforeEach(() => {
  time = new FakeTime()
  pod = new FakePod(time)
  input = new FakeInput()
  output = new FakeOutput()
  told = []
  terminal = new ProgramTerminal(input as unknown as ReadStream, output as unknown as WriteStream, {
    exit: exit => told.push(`exit ${exit.code}`),
    lost: error => told.push(`lost ${error.message}`),
    leave: () => told.push('leave'),
    interrupt: () => told.push('interrupt'),
  })
})

async function link(): Promise<Link> {
  const { signal } = new AbortController()
  const attach = (lane: 'control' | 'bulk') => pod.attach(lane, signal)
  const openPort = (port: number) => pod.openPort(port, signal)
  return openLink({ attach, openPort, ports: new PortTrust(), forwards: false, signal, clock: time, timers: time })
}

const listeners = () => input.listenerCount('data') + output.listenerCount('resize') + output.listenerCount('drain')

describe('a terminal lent to the program', () => {
  test('raw keys, sizes and output, and everything back at the end', async () => {
    const exits = process.listenerCount('exit')
    const { agent } = await link()
    pod.print('\x1b[?1049hhello')
    terminal.show(agent, false)
    await expect.poll(() => output.text).toBe('\x1b[?1049hhello')
    expect(input).toMatchObject({ raw: true, flowing: true })
    input.type('ls\r')
    input.type('\x03')
    await expect.poll(() => pod.keys.join('')).toBe('ls\r\x03')
    output.columns = 120
    output.emit('resize')
    await expect.poll(() => pod.sizes).toEqual(['100x30', '120x30'])
    terminal.close()
    expect(input).toMatchObject({ raw: false, flowing: false })
    // What the program had switched on is off again.
    expect(output.text).toBe('\x1b[?1049hhello\x1b[?1049l\x1b[m')
    expect(listeners()).toBe(0)
    expect(process.listenerCount('exit')).toBe(exits)
    terminal.close()
    expect(told).toEqual([])
  })

  test('Enter ~ . leaves, and is not the program’s', async () => {
    terminal.show((await link()).agent, false)
    input.type('a\r~.')
    await expect.poll(() => pod.keys.join('')).toBe('a\r')
    expect(told).toEqual(['leave'])
  })

  test('the program’s end is told after its last words', async () => {
    terminal.show((await link()).agent, false)
    await expect.poll(() => pod.sizes).toHaveLength(1)
    pod.print('bye')
    pod.exitCommand({ code: 9 })
    await expect.poll(() => told).toEqual(['exit 9'])
    expect(output.text).toBe('bye')
  })

  test('a lost connection: keys go nowhere but Ctrl-C, and what comes back is shown once', async () => {
    const first = await link()
    terminal.show(first.agent, false)
    pod.print('one ')
    await expect.poll(() => output.text).toBe('one ')
    first.close()
    terminal.pause()
    input.type('x')
    input.type('\x03')
    expect(told).toEqual(['interrupt'])
    pod.print('two')
    terminal.show((await link()).agent, true)
    await expect.poll(() => output.text).toBe('one two')
    expect(input.raw).toBe(true)
    expect(pod.keys).toEqual([])
    expect(listeners()).toBe(3)
  })

  test('a screen that does not keep up holds the program back', async () => {
    terminal.show((await link()).agent, false)
    output.room = false
    pod.print('a')
    await expect.poll(() => output.text).toBe('a')
    pod.print('b')
    await time.advance(10)
    expect(output.text).toBe('a')
    output.room = true
    output.emit('drain')
    await expect.poll(() => output.text).toBe('ab')
  })

  test('lines of ours begin below what the program printed, with no empty lines between them', async () => {
    terminal.show((await link()).agent, false)
    pod.print('pro')
    await expect.poll(() => output.text).toBe('pro')
    terminal.beginLine()
    terminal.beginLine()
    pod.print('gram')
    await expect.poll(() => output.text).toBe('pro\r\ngram')
    terminal.beginLine()
    expect(output.text).toBe('pro\r\ngram\r\n')
  })

  test('leaves the terminal in order also when the process ends in the middle', async () => {
    terminal.show((await link()).agent, false)
    for (const listener of process.listeners('exit').slice(-1)) listener.call(process, 1)
    expect(input.raw).toBe(false)
  })
})

test('lines of a terminal as lines of a file, however they are cut', () => {
  const whole = 'a\r\nb\rc\r\n\r\nü\r\n'
  const bytes = Buffer.from(whole)
  for (let size = 1; size < bytes.length; size++) {
    const text = new PlainText()
    let seen = ''
    for (let at = 0; at < bytes.length; at += size) seen += text.push(bytes.subarray(at, at + size))
    expect(seen).toBe('a\nb\rc\n\nü\n')
  }
})

import { describe, expect, it } from 'vitest'
import { AgentClient } from '../../../syncer/wire/client.ts'
import { MessageStream } from '../../../syncer/wire/message-stream.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import { TerminalFrame } from '../../../syncer/wire/services.ts'
import {
  decodeSize,
  splitTerminalMessage,
  terminalChunks,
  terminalMessage,
} from '../../../syncer/wire/terminal-message.ts'
import { carrierPair } from './carrier-pair.ts'

/** A program in the pod, played by hand. */
class Played {
  readonly client: AgentClient
  readonly said: { type: number; payload: string }[] = []
  readonly mux: Mux
  messages: MessageStream | undefined
  private readonly onStart: (played: Played) => void

  constructor(onStart: (played: Played) => void = () => {}) {
    this.onStart = onStart
    const [laptop, agent] = carrierPair()
    this.mux = new Mux({ carrier: laptop, side: 'laptop' })
    this.client = new AgentClient(this.mux)
    new Mux({ carrier: agent, side: 'agent', onOpen: (_request, stream) => this.take(stream) })
  }

  print(text: Buffer, type: 16 | 17 = TerminalFrame.stdout): void {
    for (const chunk of terminalChunks(text)) this.messages?.send(terminalMessage(type, chunk))
  }

  exit(exit: unknown): void {
    this.messages?.send(terminalMessage(TerminalFrame.exit, Buffer.from(JSON.stringify(exit))))
    this.messages?.end()
  }

  private take(stream: MuxStream): void {
    this.messages = new MessageStream(stream, {
      message: bytes => {
        const { type, payload } = splitTerminalMessage(bytes)
        this.said.push({
          type,
          payload: type === TerminalFrame.resize ? JSON.stringify(decodeSize(payload)) : `${payload}`,
        })
      },
    })
    this.onStart(this)
  }
}

const command = { argv: ['program'] }

describe('RemoteProcess', () => {
  it('passes on input, its end, sizes and signals, in order', async () => {
    const played = new Played()
    const process = played.client.exec(command)
    process.stdin.write('keys')
    process.resize({ columns: 80, rows: 24 })
    process.signal('SIGINT')
    process.stdin.end()
    await expect
      .poll(() => played.said)
      .toEqual([
        { type: TerminalFrame.stdin, payload: 'keys' },
        { type: TerminalFrame.resize, payload: '{"columns":80,"rows":24}' },
        { type: TerminalFrame.signal, payload: 'SIGINT' },
        { type: TerminalFrame.stdinEnd, payload: '' },
      ])
    await played.mux.close()
  })

  it('gives every byte to a reader that comes late, and the exit after that', async () => {
    const played = new Played(program => {
      program.print(Buffer.alloc(400_000, 'o'))
      program.print(Buffer.alloc(300_000, 'e'), TerminalFrame.stderr)
      program.exit({ code: 3, signal: 'SIGTERM', error: 'words', more: 1 })
    })
    const process = played.client.exec(command)
    let exited = false
    void process.exit.then(() => {
      exited = true
    })
    await expect.poll(() => process.stdout.readableLength).toBeGreaterThan(0)
    expect(exited).toBe(false)
    let [out, err] = [0, 0]
    process.stdout.on('data', chunk => {
      out += chunk.length
    })
    process.stderr.on('data', chunk => {
      err += chunk.length
    })
    expect(await process.exit).toEqual({ code: 3, signal: 'SIGTERM', error: 'words' })
    await expect.poll(() => [process.stdout.readableEnded, process.stderr.readableEnded]).toEqual([true, true])
    expect([out, err]).toEqual([400_000, 300_000])
    await played.mux.close()
  })

  it('holds the writer of stdin back when the program does not read', async () => {
    const played = new Played(program => program.messages?.pause())
    const process = played.client.exec(command)
    let taken = 0
    for (let count = 0; count < 200; count++) process.stdin.write(Buffer.alloc(50_000), error => !error && taken++)
    const counts: number[] = []
    await expect
      .poll(() => {
        counts.push(taken)
        return taken > 0 && counts.at(-1) === counts.at(-2)
      })
      .toBe(true)
    expect(taken).toBeLessThan(20)
    played.messages?.resume()
    await expect.poll(() => taken).toBe(200)
    await played.mux.close()
  })

  it.each([
    ['the connection goes', (played: Played) => void played.mux.close(), 'connection-lost'],
    ['the agent gives up', (played: Played) => played.messages?.stream.destroy(), 'cancelled'],
  ])('rejects when %s', async (_, act, code) => {
    const played = new Played()
    const process = played.client.exec(command)
    await expect.poll(() => played.messages).toBeDefined()
    act(played)
    await expect(process.exit).rejects.toMatchObject({ code })
    await expect.poll(() => process.stdout.destroyed && process.stdin.destroyed).toBe(true)
    await played.mux.close()
  })

  it.each([
    ['an exit without a code', terminalMessage(TerminalFrame.exit, Buffer.from('{}'))],
    ['an exit that is no JSON', terminalMessage(TerminalFrame.exit, Buffer.from('{'))],
    ['a message of unknown type', [Uint8Array.of(99)]],
    ['an empty message', []],
  ])('rejects %s', async (_, message) => {
    const played = new Played(program => program.messages?.send(message))
    await expect(played.client.exec(command).exit).rejects.toThrow()
    await played.mux.close()
  })

  it('ends when its signal fires', async () => {
    const played = new Played()
    const enough = new AbortController()
    const process = played.client.exec(command, enough.signal)
    await expect.poll(() => played.messages).toBeDefined()
    enough.abort()
    await expect(process.exit).rejects.toMatchObject({ code: 'cancelled' })
    await expect.poll(() => played.messages?.stream.destroyed).toBe(true)
    expect(() => played.client.exec(command, enough.signal)).toThrow()
    await played.mux.close()
  })
})

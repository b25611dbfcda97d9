import { createHash } from 'node:crypto'

export interface Bundle {
  content: Buffer
  sha256: string
}

export interface FakeAgentOptions {
  /** Told in the greeting. */
  version: string
  /** How it takes an attachment; `refuse` answers with an error. */
  mode?: 'fd' | 'relay' | 'refuse'
  /** What it does when asked to make room. */
  retire?: 'end' | 'ignore' | 'refuse' | 'refuse-and-end'
  /** Bytes, to make the bundle as large as a real one. */
  padding?: number
}

/**
 * A bundle that keeps to the agent's socket protocol: greets with a line of JSON `{version, hello, pid}`, then sends
 * back what it gets, until stdin ends.
 */
export function fakeAgent(options: FakeAgentOptions): Bundle {
  const settings = JSON.stringify({ mode: 'fd', retire: 'end', ...options })
  const content = Buffer.from(`const settings = ${settings};\n(${agent})()\n//${'x'.repeat(options.padding ?? 0)}`)
  return { content, sha256: createHash('sha256').update(content).digest('hex') }
}

declare const settings: Required<FakeAgentOptions>
declare function require(name: 'node:net'): typeof import('node:net')
declare function require(name: 'node:fs'): typeof import('node:fs')
declare function require(name: 'node:crypto'): typeof import('node:crypto')

/** Runs in the pod: its source goes there, so it uses nothing from around it. */
function agent(): void {
  const net = require('node:net')
  const fs = require('node:fs')
  const token = require('node:crypto').randomBytes(32).toString('hex')
  fs.rmSync(`${__dirname}/sock`, { force: true })
  fs.writeFileSync(`${__dirname}/token`, token, { mode: 0o600 })
  const server = net.createServer(socket => {
    let held = ''
    socket.on('error', () => {})
    socket.on('data', function take(chunk: Buffer) {
      held += chunk
      const end = held.indexOf('\n')
      if (end < 0) return
      socket.off('data', take)
      const asked = JSON.parse(held.slice(0, end))
      if (asked.token !== token) socket.end('{"error":"wrong token"}\n')
      else if (asked.retire) retire()
      else accept(asked)
    })

    function retire(): void {
      if (settings.retire === 'end') process.exit(0)
      if (settings.retire === 'refuse-and-end') setTimeout(() => process.exit(0), 300)
      if (settings.retire.startsWith('refuse')) socket.end('{"error":"a newer session holds it"}\n')
    }
    function accept({ pid, hello }: { pid: number; hello: unknown }): void {
      const greeting = `${JSON.stringify({ version: settings.version, hello, pid: process.pid })}\n`
      if (settings.mode === 'refuse') socket.end('{"error":"not you"}\n')
      if (settings.mode === 'relay') {
        // in one piece: what follows the answer must not be lost
        socket.write(`{"ok":"relay"}\n${greeting}`)
        socket.pipe(socket)
      }
      if (settings.mode !== 'fd') return
      // without O_NONBLOCK the open waits for the other end, which may be gone
      const { O_RDONLY, O_WRONLY, O_NONBLOCK } = fs.constants
      const open = (fd: number, flags: number) => fs.openSync(`/proc/${pid}/fd/${fd}`, flags | O_NONBLOCK)
      const input = new net.Socket({ fd: open(0, O_RDONLY), readable: true, writable: false })
      const output = new net.Socket({ fd: open(1, O_WRONLY), readable: false, writable: true })
      socket.write('{"ok":"fd"}\n')
      output.write(greeting)
      input.pipe(output).on('finish', () => socket.destroy())
      socket.on('close', () => input.destroy())
    }
  })
  server.listen(`${__dirname}/sock`)
}

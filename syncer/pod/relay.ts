import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/**
 * Carries stdin to the agent and the agent's bytes, `rest` first, to stdout, with back-pressure both ways, until the
 * agent ends. For runtimes where the agent may not open our pipes.
 */
export async function relay(agent: Socket, rest: Buffer): Promise<never> {
  // as sockets they do not block: process.stdout on a pipe would hold up the other direction
  const input: Readable = new Socket({ fd: 0, readable: true, writable: false })
  const output: Writable = new Socket({ fd: 1, readable: false, writable: true })
  if (rest.length > 0) agent.unshift(rest)
  const inward = pipeline(input, agent).catch(() => agent.destroy())
  await pipeline(agent, output)
  input.destroy()
  await inward
  process.exit(0)
}

import type { Duplex } from 'node:stream'
import type { AgentClient } from '../../syncer/wire/client.ts'
import { PackedStream, type PackedStreamOptions } from '../../syncer/wire/packed-stream.ts'
import { readLine } from '../agent/read-line.ts'

export interface AgentPortOptions {
  /** The agent, over the connection that stands already. */
  agent: AgentClient
  /** A connection to a port of the pod that is not made by exec. */
  openPort: (port: number, signal: AbortSignal) => Promise<Duplex>
  /** Present where much goes over it and nobody waits for the single byte: see {@link PackedStream}. */
  packed?: PackedStreamOptions
}

const lineBytesMax = 256

/**
 * A further connection to the agent that stands already, by the API's port-forward, which is faster than exec: the agent
 * opens a port of the pod's loopback, and each shows the other a token that went over the first connection.
 * @param signal also cuts the connection once it stands
 * @throws UserError `forbidden`, `rejected` where it can never be had; whatever else kept it from being there
 */
export async function openAgentPort(
  { agent, openPort, packed }: AgentPortOptions,
  signal: AbortSignal,
): Promise<Duplex> {
  const { port, token, answer } = await agent.call({ method: 'open-port', packed: packed !== undefined }, signal)
  const carrier = await openPort(port, signal)
  // It may break while nobody reads: its close is told to whoever does next.
  carrier.on('error', () => {})
  try {
    carrier.write(`${token}\n`)
    const said = await readLine(carrier, lineBytesMax, signal)
    if (said !== answer) throw new Error('this is not the agent')
    return packed ? new PackedStream(carrier, packed) : carrier
  } catch (error) {
    carrier.destroy()
    throw error
  }
}

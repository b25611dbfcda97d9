import { randomInt } from 'node:crypto'
import { connect, createServer } from 'node:net'

/**
 * Below those that systems give to whoever does not ask for one (Linux 32768, macOS 49152) and below Kubernetes' node
 * ports: between the look and the use nobody gets it by chance.
 */
const ports = { from: 10_000, to: 29_999 }
const triesMax = 1_000

/** A port of this machine that nobody listens on just now. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = randomInt(ports.from, ports.to)
    if (await canListen(port)) return port
  }
  throw new Error(`none of ${triesMax} ports is free`)
}

/** Different ones. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) found.add(await freePort())
  return [...found]
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer()
  const listens = await new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
  })
  await new Promise(resolve => server.close(resolve))
  return listens
}

export async function isListening(port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const socket = connect(port, 'localhost')
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => socket.destroy())
    socket.once('connect', () => socket.destroy())
  })
}

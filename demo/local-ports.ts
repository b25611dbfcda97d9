import { createServer } from 'node:net'
import { errnoOf, UserError } from '../syncer/base/errors.ts'

/** A forward whose port on this machine is another than the manifest's. */
export interface MovedPort {
  from: number
  to: number
}

const triesMax = 100
/** `- 8080:8080`, `- 5432:postgres:5432` */
const forwardLine = /^(\s*-\s+)(\d+)(:(?:[\w.-]+:)?\d+\s*)$/

/** The ports of this machine that the forwards of a manifest take, as it is written. */
export function localPortsOf(manifest: string): number[] {
  return manifest.split('\n').flatMap(line => {
    const port = forwardLine.exec(line)?.[2]
    return port === undefined ? [] : [Number(port)]
  })
}

/** The manifest with other ports of this machine; everything else is as it was. */
export function withPorts(manifest: string, moved: readonly MovedPort[]): string {
  const byPort = new Map(moved.map(({ from, to }) => [from, to]))
  return manifest
    .split('\n')
    .map(line =>
      line.replace(forwardLine, (_, dash, port, rest) => `${dash}${byPort.get(Number(port)) ?? port}${rest}`),
    )
    .join('\n')
}

/**
 * Others for the ports that are not free.
 * @throws UserError `port-in-use` where none is found
 */
export async function movedPorts(
  ports: readonly number[],
  isFree: (port: number) => Promise<boolean> = isFreePort,
): Promise<MovedPort[]> {
  const given = new Set(ports)
  const moved: MovedPort[] = []
  for (const from of ports) {
    if (await isFree(from)) continue
    const to = await nextFree(from, given, isFree)
    given.add(to)
    moved.push({ from, to })
  }
  return moved
}

/** 18080 for 8080, and on from there. */
async function nextFree(from: number, given: Set<number>, isFree: (port: number) => Promise<boolean>): Promise<number> {
  const start = from < 10_000 ? from + 10_000 : from + 1
  for (let port = start; port < start + triesMax && port < 65_536; port++) {
    if (!given.has(port) && (await isFree(port))) return port
  }
  throw new UserError('port-in-use', `port ${from} is taken, and so are ${start} and the ${triesMax} after it`)
}

/** Whether one could listen there, on IPv4 and, where that exists, on IPv6. */
export async function isFreePort(port: number): Promise<boolean> {
  for (const host of ['127.0.0.1', '::1']) if (!(await canListen(port, host))) return false
  return true
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', error => resolve(['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(errnoOf(error) ?? '')))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

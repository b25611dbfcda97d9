import { createServer, type Server, type Socket } from 'node:net'
import { errnoOf, type Position, UserError } from '../../syncer/base/errors.ts'
import { describeHolder, findPortHolder } from './port-holder.ts'

export interface ListenOptions {
  /** `localhost`: both of its addresses. */
  interface: string
  /** 0: any free port, the same on all addresses. */
  port: number
  /** Where the manifest asks for it. */
  at?: Position
  onConnection: (socket: Socket) => void
}

export interface Listener {
  servers: Server[]
  port: number
}

/** Of each connection: with less a stream at full speed stops after every piece. */
const highWaterMark = 128 * 1024

/** What a machine without IPv6 answers. */
const noSuchAddress = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'])

/**
 * Listens on every address of the interface, or on none.
 * @throws UserError `port-in-use`, naming the process that holds it where that can be told; `unsupported` for an
 *   address that is not this machine's or a port that this user may not have
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const addresses = options.interface === 'localhost' ? ['127.0.0.1', '::1'] : [options.interface]
  const servers: Server[] = []
  let { port } = options
  try {
    for (const [index, address] of addresses.entries()) {
      const server = await listenOn(address, port, options.onConnection).catch(error => {
        const isOptional = index > 0 && noSuchAddress.has(errnoOf(error) ?? '')
        if (!isOptional) throw error
      })
      if (!server) continue
      servers.push(server)
      port = (server.address() as { port: number }).port
    }
    return { servers, port }
  } catch (error) {
    for (const server of servers) server.close()
    throw await explain(error, options)
  }
}

function listenOn(address: string, port: number, onConnection: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark }, onConnection)
    server.once('error', reject)
    // an IPv6 address alone: the IPv4 one has its own listener
    server.listen({ host: address, port, ipv6Only: address === '::1' }, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

async function explain(error: unknown, { interface: name, port, at }: ListenOptions): Promise<unknown> {
  switch (errnoOf(error)) {
    case 'EADDRINUSE': {
      const holder = await findPortHolder(port).catch(() => undefined)
      const who = holder ? `by ${describeHolder(holder)}` : 'by another program'
      const hint = `stop that program, or choose another port before the first colon, such as ${otherPort(port)}`
      return new UserError('port-in-use', `port ${port} on ${name} is in use ${who}`, { hint, at, cause: error })
    }
    case 'EACCES': {
      const hint = `choose a port above 1023 before the first colon, such as ${otherPort(port)}`
      return new UserError('unsupported', `you may not listen on port ${port}`, { hint, at, cause: error })
    }
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND': {
      const hint = 'set `interface` to localhost, 0.0.0.0 or an address of this machine'
      return new UserError('unsupported', `${name} is not an address of this machine`, { hint, at, cause: error })
    }
    default:
      return error
  }
}

function otherPort(port: number): number {
  return port + 10_000 <= 65_535 ? port + 10_000 : port - 10_000
}

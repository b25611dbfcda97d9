import { isIPv6 } from 'node:net'
import { constants } from 'node:os'
import { ask } from './ask.ts'
import { isPodItself, type NetworkConfig, type NetworkTarget, podNetwork, sharedAddress } from './network-config.ts'
import { findPort, removePort, writePort } from './port-records.ts'

/** Node's own handle of a TCP socket (`lib/net.js` uses it as here since Node 10); answers negative errno values. */
interface TcpHandle {
  bind(address: string, port: number, flags?: number): number
  bind6(address: string, port: number, flags?: number): number
  connect(request: ConnectRequest, address: string, port: number): number
  connect6(request: ConnectRequest, address: string, port: number): number
  getsockname(out: SocketName): number
  close(callback?: () => void): void
  /** Ours: what is to be seen instead of the port where it really listens. */
  podPort?: number
  /** Ours: closed while its way was being asked for. */
  isGone?: boolean
}

interface ConnectRequest {
  oncomplete(status: number, handle: TcpHandle, request: ConnectRequest, readable: boolean, writable: boolean): void
}

interface SocketName {
  address?: string
  port?: number
  family?: string
}

const refused = -constants.errno.ECONNREFUSED
const inUse = -constants.errno.EADDRINUSE

/**
 * Listening anywhere is listening at the pod's address, on another port (`port-records.ts`); a connection to this machine is one to the pod; any other goes
 * where the cluster says. Below `net`, so `http`, `tls`, `http2` and `fetch` come through here as well.
 */
export function wrapTcp(config: NetworkConfig): void {
  const binding = (process as unknown as { binding(name: string): { TCP: { prototype: TcpHandle } } }).binding
  const { prototype } = binding.call(process, 'tcp_wrap').TCP
  const { bind, bind6, connect, connect6, getsockname, close } = prototype

  const own = config.addresses === 'own' ? config.address : sharedAddress

  function listen(this: TcpHandle, original: TcpHandle['bind'], address: string, port: number, flags?: number): number {
    if (!isPodItself(address) && address !== config.address) return original.call(this, address, port, flags)
    if (port !== 0 && findPort(config.ports, port)) return inUse
    const status = bind.call(this, own, 0)
    const at: SocketName = {}
    if (status !== 0 || getsockname.call(this, at) !== 0) return status
    this.podPort = port || at.port!
    writePort(config.ports, this.podPort, { address: own, port: at.port! })
    return 0
  }

  function open(this: TcpHandle, request: ConnectRequest, address: string, port: number): number {
    const to = isPodItself(address) ? config.address : address
    if (to === config.address) {
      const here = findPort(config.ports, port)
      // the debugger listens without us, at the real address
      return here || config.addresses === 'own' ? openAt(this, request, here ?? { address: to, port }) : refused
    }
    ask(config.socket, { pod: config.pod, route: { address: to, port } }, ({ target }) => {
      if (this.isGone) return
      const status = target ? openAt(this, request, target) : refused
      if (status !== 0) request.oncomplete(status, this, request, true, true)
    })
    return 0
  }

  function openAt(handle: TcpHandle, request: ConnectRequest, { address, port }: NetworkTarget): number {
    // so that the other pod sees which one it is; one that was bound already stays
    if (config.addresses === 'own' && address.startsWith(podNetwork)) bind.call(handle, config.address, 0)
    return (isIPv6(address) ? connect6 : connect).call(handle, request, address, port)
  }

  prototype.bind = function (address, port, flags) {
    return listen.call(this, bind, address, port, flags)
  }
  prototype.bind6 = function (address, port, flags) {
    return listen.call(this, bind6, address, port, flags)
  }
  prototype.connect = open
  prototype.connect6 = open
  prototype.getsockname = function (out) {
    const status = getsockname.call(this, out)
    if (status === 0 && this.podPort) Object.assign(out, { address: config.address, port: this.podPort })
    return status
  }
  // inherited from all handles: put before it for this kind only
  prototype.close = function (callback) {
    this.isGone = true
    if (this.podPort !== undefined) removePort(config.ports, this.podPort)
    return close.call(this, callback)
  }
}

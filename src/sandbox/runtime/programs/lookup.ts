import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { isIP, isIPv6 } from 'node:net'
import { ask } from './ask.ts'
import type { NetworkConfig } from './network-config.ts'

type Callback = (error: NodeJS.ErrnoException | null, address?: string | dns.LookupAddress[], family?: number) => void
type Lookup = (hostname: string, options: dns.LookupOptions, callback: Callback) => void

/** The machine knows these as well as the cluster does, and connections to them stay in the pod. */
const ownNames = /^(.*\.)?localhost\.?$/i

/** Resolves the cluster's names before the machine's, each time anew. */
export function wrapLookup(config: NetworkConfig): void {
  const { lookup } = dns
  const { lookup: lookupPromise } = dns.promises
  const wrapped = (hostname: string, ...rest: unknown[]) => {
    const callback = rest.pop() as Callback
    const options = readOptions(rest[0])
    if (options === undefined || !isAsked(hostname) || typeof callback !== 'function') {
      return (lookup as (...all: unknown[]) => unknown)(hostname, ...rest, callback)
    }
    resolve(config, lookup as Lookup, hostname, options, callback)
    return {}
  }
  // what util.promisify finds there
  for (const key of Object.getOwnPropertySymbols(lookup)) {
    Object.defineProperty(wrapped, key, Object.getOwnPropertyDescriptor(lookup, key)!)
  }
  dns.lookup = wrapped as typeof dns.lookup
  dns.promises.lookup = ((hostname: string, given?: unknown) => {
    const options = readOptions(given)
    if (options === undefined || !isAsked(hostname)) return lookupPromise(hostname, given as dns.LookupOptions)
    return new Promise<unknown>((done, failed) => {
      resolve(config, lookup as Lookup, hostname, options, (error, address, family) => {
        if (error) failed(error)
        else done(options.all ? address : { address, family })
      })
    })
  }) as typeof dns.promises.lookup
  syncBuiltinESMExports()
}

function isAsked(hostname: unknown): hostname is string {
  return typeof hostname === 'string' && hostname !== '' && isIP(hostname) === 0 && !ownNames.test(hostname)
}

/** undefined: wrong ones, for Node itself to complain about. */
function readOptions(given: unknown): dns.LookupOptions | undefined {
  if (given === undefined || given === null) return {}
  if (typeof given === 'number') return { family: given }
  return typeof given === 'object' ? given : undefined
}

function resolve(
  config: NetworkConfig,
  lookup: Lookup,
  hostname: string,
  options: dns.LookupOptions,
  callback: Callback,
): void {
  if (hostname.toLowerCase() === config.hostname) {
    answer(hostname, [config.address], options, callback)
    return
  }
  ask(config.socket, { pod: config.pod, lookup: hostname }, ({ addresses }) => {
    if (addresses) answer(hostname, addresses, options, callback)
    else lookup(hostname, options, callback)
  })
}

function answer(hostname: string, addresses: string[], options: dns.LookupOptions, callback: Callback): void {
  const wanted = options.family === 6 || options.family === 'IPv6' ? 6 : options.family ? 4 : undefined
  const found = addresses
    .map(address => ({ address, family: isIPv6(address) ? 6 : 4 }))
    .filter(({ family }) => wanted === undefined || family === wanted)
  const [first] = found
  if (first === undefined) process.nextTick(callback, notFound(hostname))
  else if (options.all) process.nextTick(callback, null, found)
  else process.nextTick(callback, null, first.address, first.family)
}

/** As libuv has it: UV_EAI_NONAME is -3008 on every platform. */
function notFound(hostname: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException & { hostname?: string } = new Error(`getaddrinfo ENOTFOUND ${hostname}`)
  return Object.assign(error, { errno: -3008, code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname })
}

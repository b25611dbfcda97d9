import { BlockList, isIP } from 'node:net'

/**
 * The proxy that leads to an API server: the kubeconfig's `proxy-url`, else `HTTPS_PROXY` or `HTTP_PROXY` unless
 * `NO_PROXY` names the host; read as Go's `httpproxy` does, which kubectl uses. undefined: straight.
 */
export function proxyFor(
  server: URL,
  configured: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (configured) return configured
  const either = (name: string) => env[name] || env[name.toLowerCase()]
  const proxy = either(server.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY')
  if (!proxy || isExempt(server, either('NO_PROXY') ?? '')) return undefined
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

function isExempt(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, '').toLowerCase()
  const port = server.port || (server.protocol === 'https:' ? '443' : '80')
  if (host === 'localhost' || isLoopback(host)) return true
  const entries = noProxy.split(',').map(entry => entry.trim().toLowerCase())
  return entries.some(entry => entry !== '' && matches(entry, host, port))
}

function isLoopback(host: string): boolean {
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1'
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true
  if (entry.includes('/')) return isInSubnet(entry, host)
  if (isIP(entry) === 6) return entry === host
  const [name = '', wantedPort] = entry.split(':')
  if (wantedPort !== undefined && wantedPort !== port) return false
  if (name.startsWith('*.')) return host.endsWith(name.slice(1))
  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`)
}

function isInSubnet(entry: string, host: string): boolean {
  const [network = '', prefix = ''] = entry.split('/')
  const bits = Number(prefix)
  const family = isIP(network)
  if (family === 0 || isIP(host) !== family) return false
  if (!/^\d+$/.test(prefix) || bits > (family === 4 ? 32 : 128)) return false
  const type = family === 4 ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addSubnet(network, bits, type)
  return list.check(host, type)
}

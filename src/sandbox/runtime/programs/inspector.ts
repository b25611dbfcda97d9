import type { NetworkConfig } from './network-config.ts'

/**
 * The debugger listens before anything is loaded, and not through what {@link wrapTcp} wraps. Where it was told an
 * address that is the machine's, it starts once more at the pod's.
 */
export function moveInspector(config: NetworkConfig): void {
  const options = `${process.env.NODE_OPTIONS ?? ''} ${process.execArgv.join(' ')}`
  if (config.addresses !== 'own' || !/--inspect/.test(options)) return
  // not loaded by every program: a build of Node may lack it
  const inspector: typeof import('node:inspector') = require('node:inspector')
  const url = inspector.url()
  if (url === undefined) return
  const { hostname, port } = new URL(url)
  if (hostname === config.address) return
  inspector.close()
  inspector.open(Number(port), config.address)
}

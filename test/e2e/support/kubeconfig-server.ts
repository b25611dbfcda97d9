import { readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dump, load } from 'js-yaml'

interface Kubeconfig {
  clusters: { cluster: { server: string; 'tls-server-name'?: string } }[]
}

/** Where a kubeconfig's API server listens. */
export function serverOf(kubeconfig: string): { host: string; port: number } {
  const { hostname, port } = new URL(parsed(kubeconfig).clusters[0]!.cluster.server)
  return { host: hostname, port: Number(port || 443) }
}

/** Writes the same kubeconfig for a port of the loopback that leads to the API server; TLS stays the server's own. */
export function writeKubeconfigFor(port: number, kubeconfig: string, file: string): void {
  const config = parsed(kubeconfig)
  const cluster = config.clusters[0]!.cluster
  const { hostname } = new URL(cluster.server)
  cluster.server = `https://127.0.0.1:${port}`
  if (!isIP(hostname)) cluster['tls-server-name'] = hostname
  writeFileSync(file, dump(config))
}

function parsed(kubeconfig: string): Kubeconfig {
  return load(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
}

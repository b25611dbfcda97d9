// A process of its own, so that its memory is the API server's alone: the embedded cluster, whose pods run nothing.
import type { KubeObject } from '../../src/cluster/cluster.ts'
import { Sandbox } from '../../src/sandbox/sandbox.ts'
import { ScriptedRuntime } from '../../test/src/sandbox/scripted-runtime.ts'
import type { ServerAnswer, ServerFigures, ServerRequest } from './server-messages.ts'

const mib = 1024 * 1024
let sandbox: Sandbox
const requests: Record<string, number> = {}

const answer = (message: ServerAnswer) => void process.send?.(message)

process.on('message', (request: ServerRequest) => void serve(request))
process.once('disconnect', () => process.exit(0))

async function serve(request: ServerRequest): Promise<void> {
  switch (request.type) {
    case 'start': {
      const { namespaces, connectionsMax, objectsMax } = request
      const onRequest = ({ method, url }: { method: string; url: string }) => {
        const kind = /[?&]watch=true/.test(url) ? 'watch' : method === 'PUT' ? 'renewal' : 'other'
        requests[kind] = (requests[kind] ?? 0) + 1
      }
      const runtime = new ScriptedRuntime()
      sandbox = await Sandbox.start({ runtime, namespaces, connectionsMax, objectsMax, onRequest })
      answer({ type: 'started', url: sandbox.url, kubeconfig: sandbox.kubeconfigs.admin ?? '' })
      break
    }
    case 'deploy':
      sandbox.apply(request.names.map(name => workload(request.namespace, name)))
      answer({ type: 'deployed' })
      break
    case 'figures':
      answer({ type: 'figures', figures: figures() })
      break
  }
}

function workload(namespace: string, name: string): KubeObject {
  const labels = { app: name }
  const containers = [{ name: 'app', image: 'podswap.test/node:1', command: ['node', 'server.js'] }]
  const template = { metadata: { labels }, spec: { containers } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  }
}

function figures(): ServerFigures {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  return { rssMiB: process.memoryUsage().rss / mib, cpuMs: (user + system) / 1000, requests: { ...requests } }
}

import type { Kubectl } from './kubectl.ts'

export interface WorkloadOptions {
  name?: string
  replicas?: number
  image?: string
  command?: string[]
  container?: object
  pod?: object
}

/** Answers on 8080 with `original <host name>` and ends at once when it is asked to. */
const originalServer = `
const { createServer } = require('node:http')
createServer((request, response) => response.end('original ' + require('node:os').hostname())).listen(8080)
process.on('SIGTERM', () => process.exit(0))
`

/** What a container must say to be allowed under Pod Security's `restricted`. */
export const restricted = {
  pod: { securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } } },
  container: { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
}

/** Applies a Deployment with its Service (port 80 → 8080) and waits until its pods are Ready. */
export async function deploy(kubectl: Kubectl, options: WorkloadOptions = {}): Promise<void> {
  const { name = 'web', replicas = 1, image = 'node', command = ['node', '-e', originalServer] } = options
  const container = {
    name: 'app',
    image: `podswap.test/${image}:1`,
    imagePullPolicy: 'IfNotPresent',
    ...(command.length > 0 && { command }),
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { tcpSocket: { port: 'http' }, periodSeconds: 1 },
    ...options.container,
  }
  const labels = { app: name }
  await kubectl.apply(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, labels: { team: 'shop' }, annotations: { 'example.com/owner': 'shop' } },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { terminationGracePeriodSeconds: 5, containers: [container], ...options.pod },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
    },
  )
  await kubectl.rolledOut(`deployment/${name}`)
}

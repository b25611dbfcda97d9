import type { KubeObject } from '../../../src/cluster/cluster.ts'
import type { Dev } from '../../../src/manifest/manifest.ts'
import type { PlanOptions } from '../../../src/swap/plan-input.ts'

export const planOptions: PlanOptions = {
  agentImage: 'node:22',
  startScript: 'start()',
  sessionId: 'k3f9',
  owner: 'ann@laptop',
  since: '2026-11-21T08:00:00.000Z',
}

export function dev(fields: Partial<Dev> = {}): Dev {
  return {
    name: 'web',
    at: { file: '/code/dev.yml', line: 2, column: 3 },
    command: ['npm', 'start'],
    sync: [],
    forward: [],
    environment: [],
    interface: 'localhost',
    ...fields,
  }
}

/** A Deployment as a cluster gives it; `container` and `pod` add to its first container and its pod. */
export function webDeployment(
  more: { container?: object; pod?: object; spec?: object; metadata?: object } = {},
): KubeObject {
  const labels = { app: 'web', tier: 'front' }
  const app = { name: 'app', image: 'shop/web:7', imagePullPolicy: 'Always', command: ['node'], args: ['server.js'] }
  const side = { name: 'side', image: 'proxy:1', livenessProbe: { tcpSocket: { port: 1 } } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'test',
      uid: 'uid-web',
      resourceVersion: '77',
      labels: { app: 'web', 'app.kubernetes.io/instance': 'shop' },
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      ...more.metadata,
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }] },
      strategy: { type: 'RollingUpdate' },
      template: {
        metadata: { labels, annotations: { 'sidecar.istio.io/inject': 'true' } },
        spec: {
          containers: [{ ...app, ...more.container }, side],
          initContainers: [{ name: 'migrate', image: 'shop/web:7' }],
          volumes: [{ name: 'config', configMap: { name: 'web' } }],
          securityContext: {},
          ...more.pod,
        },
      },
      ...more.spec,
    },
  }
}

export function dbStatefulSet(more: { spec?: object } = {}): KubeObject {
  const labels = { app: 'db' }
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'test', uid: 'uid-db', resourceVersion: '88', labels },
    spec: {
      replicas: 2,
      serviceName: 'db-headless',
      selector: { matchLabels: labels },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }],
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'db', image: 'pg:15', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
      },
      ...more.spec,
    },
  }
}

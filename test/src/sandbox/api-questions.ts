import { deployment } from '../cluster/cluster-contract.ts'

/** One raw request. `{ns}` in path and body stands for the namespace. Asked in order, each on what those before left. */
export interface Question {
  name: string
  /** `nobody` has a token that is none; `anonymous` shows none. */
  as?: 'admin' | 'ann' | 'eve' | 'nobody' | 'anonymous'
  method?: string
  path: string
  body?: object | string
  contentType?: string
  accept?: string
  /** In what the sandbox answers otherwise, on purpose; then only the real answer is checked. */
  differs?: string
  /** Asked again until this is in the answer: a controller has to see the object first. */
  until?: string
}

const apps = '/apis/apps/v1/namespaces/{ns}'
const core = '/api/v1/namespaces/{ns}'
const leases = '/apis/coordination.k8s.io/v1/namespaces/{ns}/leases'
const authorization = '/apis/authorization.k8s.io/v1'
const merge = 'application/merge-patch+json'
const json = 'application/json-patch+json'
const web = `${apps}/deployments/web`

function changed(change: (object: ReturnType<typeof deployment>) => void, name = 'x') {
  const object = deployment(name, 0)
  change(object)
  return object
}

const post = (name: string, path: string, body: object | string, more: Partial<Question> = {}): Question => ({
  name,
  method: 'POST',
  path,
  body,
  ...more,
})
const patch = (name: string, body: object | string, more: Partial<Question> = {}): Question => ({
  name,
  method: 'PATCH',
  path: web,
  body,
  contentType: merge,
  ...more,
})
const refused = (name: string, change: (object: ReturnType<typeof deployment>) => void): Question =>
  post(name, `${apps}/deployments`, changed(change))

const rich = changed(({ metadata, spec }) => {
  metadata.annotations = { note: 'a "b" ü' }
  spec.strategy = { type: 'Recreate' }
  spec.template.spec.volumes = [
    { name: 'v', emptyDir: {} },
    { name: 'c', configMap: { name: 'none', items: [{ key: 'a', path: 'b' }] } },
    { name: 'plain' },
  ]
  spec.template.spec.initContainers = [{ name: 'first', image: 'x', command: ['true'] }]
  Object.assign(spec.template.spec.containers[0], {
    image: 'registry:5000/app',
    imagePullPolicy: undefined,
    ports: [{ containerPort: 80, name: 'http' }, { containerPort: 81 }],
    env: [
      { name: 'A', value: '1' },
      { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
    ],
    envFrom: [{ configMapRef: { name: 'c', optional: true } }],
    resources: { limits: { memory: '64Mi' }, requests: { cpu: '10m' } },
    readinessProbe: { httpGet: { port: 'http' }, periodSeconds: 3 },
    livenessProbe: { tcpSocket: { port: 80 } },
    startupProbe: { exec: { command: ['true'] }, failureThreshold: 9 },
    volumeMounts: [
      { name: 'v', mountPath: '/v' },
      { name: 'c', mountPath: '/c', subPath: 'b', readOnly: true },
    ],
    securityContext: { runAsUser: 1000 },
  })
}, 'rich')

const statefulSet = {
  ...changed(() => {}, 'db'),
  kind: 'StatefulSet',
  spec: {
    ...changed(() => {}, 'db').spec,
    serviceName: 'db',
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
      },
    ],
  },
}

const lease = { metadata: { name: 'l' }, spec: { holderIdentity: 'a', leaseDurationSeconds: 45 } }
const access = (verb: string, group: string, resource: string, more: object = {}) => ({
  kind: 'SelfSubjectAccessReview',
  apiVersion: 'authorization.k8s.io/v1',
  spec: { resourceAttributes: { namespace: '{ns}', verb, group, resource, ...more } },
})

const reviewDiffers = 'a review has no managed fields'

/** What the real API server was asked, to learn its answers; the sandbox must give the same. */
export const questions: Question[] = [
  { name: 'a list without a token', as: 'anonymous', path: `${core}/pods` },
  { name: 'a wrong token', as: 'nobody', path: `${core}/pods` },
  { name: 'a list without the right', as: 'eve', path: `${core}/pods` },
  { name: 'a get without the right', as: 'eve', path: web },
  { name: 'a subresource without the right', as: 'eve', path: `${core}/pods/p/log` },
  { name: 'an exec without the right', as: 'eve', path: `${core}/pods/p/exec?command=true` },
  { name: 'a list over the cluster without the right', as: 'ann', path: '/api/v1/pods' },
  { name: 'a namespace without the right', as: 'ann', path: '/api/v1/namespaces/{ns}' },
  { name: 'a watch without the right', as: 'ann', path: `${core}/secrets?watch=true` },
  { name: 'a write without the right', as: 'ann', method: 'PUT', path: web, body: {} },
  { name: 'a group that is there', as: 'eve', path: '/apis/apps' },
  { name: 'a group that is not there', as: 'eve', path: '/apis/security.example.test' },
  { name: 'a path that is none', as: 'eve', path: '/nothing' },
  { name: 'an object that is not there', as: 'ann', path: `${apps}/deployments/none` },
  { name: 'a pod that is not there', as: 'ann', path: `${core}/pods/none` },
  { name: 'a log of a pod that is not there', as: 'ann', path: `${core}/pods/none/log` },
  { name: 'a subresource that nobody has', path: `${core}/pods/none/nonsense` },
  { name: 'POST to an object', method: 'POST', path: web, body: {} },
  { name: 'PUT to a collection', method: 'PUT', path: `${apps}/deployments`, body: {} },
  { name: 'a list of nothing', path: `${apps}/deployments` },
  { name: 'a list in a namespace that is not there', path: '/apis/apps/v1/namespaces/no-such-namespace/deployments' },
  post(
    'a create in a namespace that is not there',
    '/apis/apps/v1/namespaces/no-such-namespace/deployments',
    changed(() => {}),
  ),
  post('a body that is no JSON', `${apps}/deployments`, '{nope', { differs: 'the words of the JSON parser' }),
  post('an object of another kind', `${apps}/deployments`, { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'x' } }),
  post('an object without anything', `${apps}/deployments`, { metadata: { name: 'x' } }),
  post(
    'an object for another namespace',
    `${apps}/deployments`,
    changed(({ metadata }) => {
      metadata.namespace = 'other'
    }),
  ),
  post('a body of another type', `${apps}/deployments`, 'x', {
    contentType: 'text/plain',
    differs: 'YAML and protobuf are not accepted',
  }),
  {
    name: 'an answer in another type',
    path: `${apps}/deployments`,
    accept: 'text/html',
    differs: 'the types that are offered',
  },
  refused('no name', ({ metadata }) => delete metadata.name),
  refused('a wrong name', ({ metadata }) => {
    metadata.name = 'A_b'
  }),
  refused('a wrong label key', ({ metadata }) => {
    metadata.labels = { 'a b': 'c' }
  }),
  refused('a wrong label value', ({ metadata }) => {
    metadata.labels = { a: 'b c' }
  }),
  refused('labels that the selector does not match', ({ spec }) => {
    spec.template.metadata.labels = { app: 'another' }
  }),
  refused('no selector', ({ spec }) => delete spec.selector),
  refused('no containers', ({ spec }) => {
    spec.template.spec.containers = []
  }),
  refused('no image', ({ spec }) => delete spec.template.spec.containers[0].image),
  refused('two containers of one name', ({ spec }) => spec.template.spec.containers.push({ name: 'app', image: 'x' })),
  refused('fewer than no replicas', ({ spec }) => {
    spec.replicas = -1
  }),
  refused('replicas as text', ({ spec }) => {
    spec.replicas = '2'
  }),
  refused('a mount of no volume', ({ spec }) => {
    spec.template.spec.containers[0].volumeMounts = [{ name: 'zz', mountPath: '/z' }]
  }),
  refused('a pod that is not restarted', ({ spec }) => {
    spec.template.spec.restartPolicy = 'Never'
  }),
  refused('a version of something new', ({ metadata }) => {
    metadata.resourceVersion = '5'
  }),
  post(
    'a wrong dry run',
    `${apps}/deployments?dryRun=Some`,
    changed(() => {}),
  ),
  post(
    'a dry run',
    `${apps}/deployments?dryRun=All&fieldManager=podswap`,
    changed(() => {}),
  ),
  { name: 'nothing of the dry run', path: `${apps}/deployments/x` },
  post('a Deployment with much in it', `${apps}/deployments?dryRun=All&fieldManager=podswap`, rich),
  post('a StatefulSet', `${apps}/statefulsets?dryRun=All&fieldManager=podswap`, statefulSet),
  post('a Deployment', `${apps}/deployments?fieldManager=podswap`, deployment('web', 0)),
  post('a name that is taken', `${apps}/deployments`, deployment('web', 0)),
  {
    name: 'the Deployment once it was seen',
    path: web,
    until: '"NewReplicaSetAvailable"',
    differs: 'times and order of the two status writes',
  },
  { name: 'a list by label', path: `${apps}/deployments?labelSelector=app%3Dnone` },
  {
    name: 'a selector that is none',
    path: `${apps}/deployments?labelSelector=a%3D%3D%3Db`,
    differs: 'the words of the parser',
  },
  { name: 'a field that cannot be selected by', path: `${apps}/deployments?fieldSelector=spec.nope%3D1` },
  { name: 'a field of pods that cannot be selected by', path: `${core}/pods?fieldSelector=spec.nope%3D1` },
  { name: 'a limit that is none', path: `${apps}/deployments?limit=x` },
  { name: 'a version that is none', path: `${apps}/deployments?resourceVersion=x` },
  { name: 'a version to come', path: `${apps}/deployments?resourceVersion=999999999` },
  { name: 'a watch of versions long gone', path: `${apps}/deployments?watch=true&resourceVersion=1&timeoutSeconds=5` },
  patch('a patch of another type', '{}', { contentType: 'application/json' }),
  patch('a strategic patch', '{}', {
    contentType: 'application/strategic-merge-patch+json',
    differs: 'strategic merge is not served',
  }),
  patch('a patch that is no JSON', '{x', { differs: 'the words of the JSON parser' }),
  patch('a patch of nothing', { spec: {} }, { path: `${apps}/deployments/none` }),
  patch('a patch of an old version', { metadata: { resourceVersion: '5' }, spec: { replicas: 1 } }),
  patch('a patch of another uid', { metadata: { uid: '0' }, spec: { replicas: 1 } }),
  patch('a patch of the name', { metadata: { name: 'other' } }),
  patch('a patch of the selector', { spec: { selector: { matchLabels: { z: '1' } } } }),
  patch('a JSON patch whose test fails', [{ op: 'test', path: '/spec/replicas', value: 9 }], { contentType: json }),
  patch('a JSON patch of nothing', [{ op: 'replace', path: '/spec/nope/x', value: 9 }], { contentType: json }),
  patch('a JSON patch with an unknown step', [{ op: 'zz', path: '/spec', value: 9 }], { contentType: json }),
  patch('a JSON patch that is no list', { op: 'zz' }, { contentType: json }),
  patch(
    'a merge patch',
    { metadata: { labels: { app: null, more: 'x' } }, spec: { minReadySeconds: 2 } },
    {
      path: `${web}?dryRun=All&fieldManager=somebody`,
      differs: 'the revision annotation in the answer, and its owner',
    },
  ),
  {
    name: 'PUT of an old version',
    method: 'PUT',
    path: web,
    body: changed(({ metadata }) => {
      metadata.resourceVersion = '5'
    }, 'web'),
  },
  { name: 'PUT under another name', method: 'PUT', path: web, body: deployment('web2', 0) },
  { name: 'PUT of nothing', method: 'PUT', path: `${apps}/deployments/none`, body: deployment('none', 0) },
  {
    name: 'PUT of a Deployment of another uid',
    method: 'PUT',
    path: web,
    body: changed(({ metadata }) => {
      metadata.uid = '0'
    }, 'web'),
  },
  { name: 'the scale of nothing', path: `${apps}/deployments/none/scale` },
  { name: 'the scale', path: `${web}/scale` },
  patch('a scale by merge patch', { spec: { replicas: 0 } }, { path: `${web}/scale` }),
  {
    name: 'a scale of an old version',
    method: 'PUT',
    path: `${web}/scale`,
    body: {
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'web', namespace: '{ns}', resourceVersion: '4' },
      spec: { replicas: 1 },
    },
  },
  { name: 'a delete of another uid', method: 'DELETE', path: web, body: { preconditions: { uid: '0' } } },
  {
    name: 'a delete of an old version',
    method: 'DELETE',
    path: web,
    body: { preconditions: { resourceVersion: '1' } },
  },
  { name: 'a delete of nothing', method: 'DELETE', path: `${apps}/deployments/none` },
  { name: 'an unknown propagation', method: 'DELETE', path: web, body: { propagationPolicy: 'Nope' } },
  { name: 'a delete', method: 'DELETE', path: web, body: { propagationPolicy: 'Background' } },
  post('a Service', `${core}/services?fieldManager=podswap`, {
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  }),
  post('a headless Service', `${core}/services?fieldManager=podswap`, {
    metadata: { name: 'db' },
    spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'sql', port: 5432 }] },
  }),
  post('a Service without ports', `${core}/services`, { metadata: { name: 's' }, spec: {} }),
  post('a Lease', `${leases}?fieldManager=podswap`, lease),
  { name: 'PUT of a Lease without its version', method: 'PUT', path: `${leases}/l`, body: lease },
  {
    name: 'PUT of a Lease of another uid',
    method: 'PUT',
    path: `${leases}/l`,
    body: { ...lease, metadata: { name: 'l', uid: '0' } },
  },
  {
    name: 'PUT of an old Lease',
    method: 'PUT',
    path: `${leases}/l`,
    body: { ...lease, metadata: { name: 'l', resourceVersion: '5' } },
  },
  {
    name: 'PUT of an old Lease of another uid',
    method: 'PUT',
    path: `${leases}/l`,
    body: { ...lease, metadata: { name: 'l', resourceVersion: '5', uid: '0' } },
  },
  {
    name: 'PUT of a Lease that is gone',
    method: 'PUT',
    path: `${leases}/gone`,
    body: { ...lease, metadata: { name: 'gone', resourceVersion: '5' } },
  },
  {
    name: 'PUT of a Lease that is gone, by its uid',
    method: 'PUT',
    path: `${leases}/gone-too`,
    body: { ...lease, metadata: { name: 'gone-too', resourceVersion: '5', uid: '0' } },
  },
  {
    name: 'PUT of a Lease that never was',
    method: 'PUT',
    path: `${leases}/new?fieldManager=podswap`,
    body: { ...lease, metadata: { name: 'new' } },
  },
  { name: 'a delete of a Lease', method: 'DELETE', path: `${leases}/l` },
  post('a config map', `${core}/configmaps?fieldManager=podswap`, { metadata: { name: 'c' }, data: { a: 'b' } }),
  post('a secret', `${core}/secrets?fieldManager=podswap`, { metadata: { name: 'c' }, stringData: { a: 'b' } }),
  post('a claim', `${core}/persistentvolumeclaims?dryRun=All&fieldManager=podswap`, {
    metadata: { name: 'c' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
  }),
  post('a claim without a size', `${core}/persistentvolumeclaims`, {
    metadata: { name: 'c' },
    spec: { accessModes: ['ReadWriteOnce'] },
  }),
  post('a right that ann has', `${authorization}/selfsubjectaccessreviews`, access('list', 'apps', 'deployments'), {
    as: 'ann',
    differs: reviewDiffers,
  }),
  post(
    'a right that ann has on a subresource',
    `${authorization}/selfsubjectaccessreviews`,
    access('get', '', 'pods', { subresource: 'exec' }),
    { as: 'ann', differs: reviewDiffers },
  ),
  post('a right that ann has not', `${authorization}/selfsubjectaccessreviews`, access('list', '', 'secrets'), {
    as: 'ann',
    differs: reviewDiffers,
  }),
  post(
    'rights without a namespace',
    `${authorization}/selfsubjectrulesreviews`,
    { kind: 'SelfSubjectRulesReview', apiVersion: 'authorization.k8s.io/v1', spec: {} },
    { as: 'ann' },
  ),
]

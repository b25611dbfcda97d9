import { isDeepStrictEqual } from 'node:util'
import { type FieldProblem, notServed } from '../store/api-error.ts'
import type { ApiObject } from '../store/api-object.ts'
import type { ResourceType } from '../store/resource-types.ts'
import { specMatcher } from '../store/selectors.ts'
import { forbidden, required, wrong } from './field-problems.ts'
import { podSpecProblems } from './validate-pod.ts'

const nameForm = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const nameRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const labelForm = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/
const labelRule = (what: string, examples: string, regex: string) =>
  `${what} must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. ${examples}, regex used for validation is '${regex}')`
const keyRule = labelRule(
  'name part',
  "'MyName',  or 'my.name',  or '123-abc'",
  '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]',
)
const valueRule = labelRule(
  'a valid label must be an empty string or',
  "'MyValue',  or 'my_value',  or '12345'",
  '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?',
).replace('or must consist', 'or consist')

/** What is wrong with the object, in the API server's words. Throws 501 for what is right there and not done here. */
export function problemsOf(type: ResourceType, object: ApiObject, before?: ApiObject): FieldProblem[] {
  if (type.kind === 'HorizontalPodAutoscaler') throw notServed('autoscalers: nothing scales by load')
  return [
    ...metadataProblems(object, before),
    ...(type.kind === 'Deployment' || type.kind === 'ReplicaSet' || type.kind === 'StatefulSet'
      ? workloadProblems(type, object, before)
      : []),
    ...(type.kind === 'Pod' ? podSpecProblems(object.spec, 'spec') : []),
    ...(type.kind === 'Pod' && before ? podUpdateProblems(object, before) : []),
    ...(type.kind === 'Service' ? serviceProblems(object, before) : []),
    ...(type.kind === 'PersistentVolumeClaim' ? claimProblems(object, before) : []),
  ]
}

function metadataProblems({ metadata }: ApiObject, before: ApiObject | undefined): FieldProblem[] {
  const { name = '', labels = {}, uid } = metadata
  const problems: FieldProblem[] = []
  if (name === '') problems.push(required('metadata.name', 'name or generateName is required'))
  else if (!nameForm.test(name) || name.length > 253) problems.push(wrong('metadata.name', name, nameRule))
  for (const [key, value] of Object.entries(labels)) {
    if (!labelForm.test(key.slice(key.indexOf('/') + 1))) problems.push(wrong('metadata.labels', key, keyRule))
    if (typeof value !== 'string') problems.push(wrong('metadata.labels', value, 'must be a string'))
    else if (value !== '' && !labelForm.test(value)) problems.push(wrong('metadata.labels', value, valueRule))
    else if (value.length > 63) problems.push(wrong('metadata.labels', value, 'must be no more than 63 bytes'))
  }
  if (before && uid !== before.metadata.uid) {
    // the real one checks it twice, and says so
    const problem = wrong('metadata.uid', uid ?? '', 'field is immutable')
    problems.push(problem, problem)
  }
  return problems
}

function workloadProblems(type: ResourceType, { spec }: ApiObject, before: ApiObject | undefined): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (!Number.isInteger(spec.replicas) || spec.replicas < 0) {
    problems.push(wrong('spec.replicas', spec.replicas, 'must be greater than or equal to 0'))
  }
  if (!spec.selector) problems.push(required('spec.selector'))
  const labels = spec.template.metadata.labels
  const isEmpty = Object.keys({ ...spec.selector?.matchLabels, ...spec.selector?.matchExpressions }).length === 0
  if (spec.selector && isEmpty)
    problems.push(wrong('spec.selector', spec.selector, 'empty selector is invalid for deployment'))
  if (!spec.selector || !specMatcher(spec.selector)({ metadata: { labels: labels ?? {} } })) {
    problems.push(wrong('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'))
  }
  problems.push(...podSpecProblems(spec.template.spec, 'spec.template.spec'))
  const policy = spec.template.spec.restartPolicy
  if (policy !== 'Always') {
    const message = `Unsupported value: ${JSON.stringify(policy)}: supported values: "Always"`
    problems.push({ reason: 'FieldValueNotSupported', message, field: 'spec.template.spec.restartPolicy' })
  }
  if (before && type.kind === 'StatefulSet') problems.push(...statefulSetUpdateProblems(spec, before.spec))
  else if (before && !isDeepStrictEqual(spec.selector, before.spec.selector)) {
    problems.push(wrong('spec.selector', spec.selector, 'field is immutable'))
  }
  return problems
}

const changeable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]

function statefulSetUpdateProblems(spec: ApiObject['spec'], before: ApiObject['spec']): FieldProblem[] {
  const fixed = (all: object) => Object.fromEntries(Object.entries(all).filter(([name]) => !changeable.includes(name)))
  if (isDeepStrictEqual(fixed(spec), fixed(before))) return []
  const names = changeable.map(name => `'${name}'`)
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)]
}

function podUpdateProblems({ spec }: ApiObject, { spec: before }: ApiObject): FieldProblem[] {
  const rest = ({ nodeName: _node, activeDeadlineSeconds: _deadline, ...other }: ApiObject['spec']) => ({
    ...other,
    containers: other.containers?.map(({ image: _image, ...container }: { image?: string }) => container),
    initContainers: other.initContainers?.map(({ image: _image, ...container }: { image?: string }) => container),
  })
  if (isDeepStrictEqual(rest(spec), rest(before))) return []
  const fields =
    '`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'
  return [forbidden('spec', `pod updates may not change fields other than ${fields}`)]
}

function serviceProblems({ spec }: ApiObject, before: ApiObject | undefined): FieldProblem[] {
  if (spec.type !== 'ClusterIP') throw notServed(`Services of type ${spec.type}, only ClusterIP`)
  if (spec.clusterIP !== 'None' && !spec.ports?.length) return [required('spec.ports')]
  const problems: FieldProblem[] = []
  for (const [index, { port, protocol }] of (spec.ports ?? []).entries()) {
    const isPort = Number.isInteger(port) && port > 0 && port < 65_536
    if (!isPort) problems.push(wrong(`spec.ports[${index}].port`, port, 'must be between 1 and 65535, inclusive'))
    if (protocol !== 'TCP') throw notServed(`Services with ${protocol} ports, only TCP`)
    if (spec.ports.length > 1 && !spec.ports[index].name) problems.push(required(`spec.ports[${index}].name`))
  }
  if (before && spec.clusterIP !== before.spec.clusterIP) {
    problems.push(wrong('spec.clusterIPs[0]', spec.clusterIPs, 'may not change once set'))
  }
  return problems
}

function claimProblems({ spec }: ApiObject, before: ApiObject | undefined): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (!spec.accessModes?.length) problems.push(required('spec.accessModes', 'at least 1 access mode is required'))
  if (!spec.resources?.requests?.storage) problems.push(required('spec.resources[storage]'))
  if (spec.volumeMode !== 'Filesystem') throw notServed(`claims with volumeMode ${spec.volumeMode}`)
  const rest = ({ resources: _resources, volumeName: _volume, ...other }: ApiObject['spec']) => other
  if (before && !isDeepStrictEqual(rest(spec), rest(before.spec))) {
    problems.push(
      forbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    )
  }
  return problems
}

import { entriesOf } from './entries.ts'
import { Fields } from './fields.ts'
import type { Resources, SecurityContext } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { asScalar, readBoolean, readChoice, readText, readWholeNumber } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { describeNode, type YamlMap, type YamlScalar } from './yaml-node.ts'

/** Kubernetes' `resource.Quantity`. */
const quantityPattern = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/
export function isQuantity(text: string): boolean {
  return quantityPattern.test(text)
}

/** `cpu`, `hugepages-2Mi`, `nvidia.com/gpu`. */
const resourcePattern = /^[A-Za-z0-9](?:[A-Za-z0-9./_-]{0,300}[A-Za-z0-9])?$/

/** The field as a map; another value gives an error, none gives undefined. */
export function readMapField(reading: Reading, fields: Fields, name: string): YamlMap | undefined {
  const node = fields.value(name)
  if (node === undefined || node.kind === 'map') return node
  reading.complaints.error(node.at, `\`${name}\` must be a map, not ${describeNode(node)}`)
  return undefined
}

/** `image`, which in a v1 file can also be a map that tells how to build it: then only its `name` counts. */
export function readImage(reading: Reading, fields: Fields): string | undefined {
  const node = fields.value('image')
  if (node?.kind !== 'map') return checkedImage(reading, node && asScalar(reading, node, 'image'))
  const parts = new Fields(reading, node)
  parts.complainAboutRest(
    { name: 'read', context: 'void', dockerfile: 'void', target: 'void', args: 'void', cache_from: 'void' },
    'image.',
  )
  const name = parts.value('name')
  return checkedImage(reading, name && asScalar(reading, name, 'name'))
}

function checkedImage(reading: Reading, scalar: YamlScalar | undefined): string | undefined {
  // `OKTETO_BUILD_…` names what Okteto's `build` would have made
  const unset = scalar?.text.includes('OKTETO_BUILD_')
    ? 'nothing is built here: set it to an image, or the container keeps its own'
    : undefined
  const image = scalar && reading.expand(scalar, 0, unset)
  if (image === undefined || image === '') return undefined
  const { at, text } = scalar!
  const isComplete = /^[A-Za-z0-9[](?:[^\s\p{C}]{0,2000}[A-Za-z0-9])?$/u.test(image)
  if (!isComplete) {
    const hint = text.includes('$') ? 'look at the variables in it' : 'such as node:22 or registry.example/team/app:tag'
    reading.complaints.error(at, `${quoteText(text)} is not the name of an image`, hint)
    return undefined
  }
  const short = /^okteto\.(?:dev|global)(?=\/)/.exec(image)?.[0]
  if (short !== undefined) {
    const hint = 'write the registry’s address in its place, or leave `image` out'
    reading.complaints.warn(at, `${short} is Okteto’s short name for its registry: no cluster can pull from it`, hint)
  }
  return image
}

export function readResources(reading: Reading, fields: Fields): Resources | undefined {
  const map = readMapField(reading, fields, 'resources')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  parts.complainAboutRest({ requests: 'read', limits: 'read' }, 'resources.')
  const requests = readQuantities(reading, parts, 'requests')
  const limits = readQuantities(reading, parts, 'limits')
  return { ...(requests !== undefined && { requests }), ...(limits !== undefined && { limits }) }
}

function readQuantities(reading: Reading, fields: Fields, name: string): Record<string, string> | undefined {
  const map = readMapField(reading, fields, name)
  if (map === undefined) return undefined
  const quantities: Record<string, string> = {}
  for (const { key, keyAt, value } of entriesOf(reading, map).values()) {
    if (!resourcePattern.test(key)) {
      reading.complaints.error(keyAt, `${quoteText(key)} is not a resource`, 'such as cpu, memory or nvidia.com/gpu')
      continue
    }
    const scalar = asScalar(reading, value, key)
    if (scalar === undefined || scalar.isNull) continue
    if (quantityPattern.test(scalar.text)) quantities[key] = scalar.text
    else reading.complaints.error(scalar.at, `${quoteText(scalar.text)} is not a quantity`, quantityHint(scalar.text))
  }
  return quantities
}

function quantityHint(text: string): string {
  const match = /^([\d.]+)\s*([kmgtpe])(i?)b?$/i.exec(text)
  if (match === null) return 'such as 500m, 2, 512Mi or 2Gi'
  const unit = match[2]!.toUpperCase()
  const isCapital = match[3] !== '' || unit !== 'K'
  return `did you mean ${match[1]}${isCapital ? unit : 'k'}${match[3]!.toLowerCase()}?`
}

const securityNumbers = ['runAsUser', 'runAsGroup', 'fsGroup'] as const
const securityFlags = ['runAsNonRoot', 'allowPrivilegeEscalation', 'readOnlyRootFilesystem', 'privileged'] as const
const seLinuxFields = { user: 'read', role: 'read', type: 'read', level: 'read' } as const

export function readSecurityContext(reading: Reading, fields: Fields): SecurityContext | undefined {
  const map = readMapField(reading, fields, 'securityContext')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  const known = Object.fromEntries(
    [...securityNumbers, ...securityFlags, 'capabilities', 'seccompProfile', 'seLinuxOptions'].map(name => [
      name,
      'read' as const,
    ]),
  )
  parts.complainAboutRest(known, 'securityContext.')
  const context: SecurityContext = {}
  for (const name of securityNumbers) {
    const number = readWholeNumber(reading, parts, name)
    if (number !== undefined) context[name] = number
  }
  for (const name of securityFlags) {
    const flag = readBoolean(reading, parts, name)
    if (flag !== undefined) context[name] = flag
  }
  const capabilities = readCapabilities(reading, parts)
  const seccompProfile = readSeccomp(reading, parts)
  const seLinuxOptions = readSeLinux(reading, parts)
  return {
    ...context,
    ...(capabilities !== undefined && { capabilities }),
    ...(seccompProfile !== undefined && { seccompProfile }),
    ...(seLinuxOptions !== undefined && { seLinuxOptions }),
  }
}

function readSeccomp(reading: Reading, fields: Fields): SecurityContext['seccompProfile'] {
  const map = readMapField(reading, fields, 'seccompProfile')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  parts.complainAboutRest({ type: 'read', localhostProfile: 'read' }, 'securityContext.seccompProfile.')
  const before = reading.complaints.errorCount
  const type = readChoice(reading, parts, 'type', ['RuntimeDefault', 'Unconfined', 'Localhost'])
  const localhostProfile = readText(reading, parts, 'localhostProfile')
  if (reading.complaints.errorCount > before) return undefined
  if (type === undefined) reading.complaints.error(map.at, '`seccompProfile` needs `type`', 'such as RuntimeDefault')
  else if ((type === 'Localhost') === (localhostProfile !== undefined)) {
    return { type, ...(localhostProfile !== undefined && { localhostProfile }) }
  } else reading.complaints.error(map.at, '`localhostProfile` goes with `type: Localhost`, and with no other')
  return undefined
}

function readSeLinux(reading: Reading, fields: Fields): SecurityContext['seLinuxOptions'] {
  const map = readMapField(reading, fields, 'seLinuxOptions')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  parts.complainAboutRest(seLinuxFields, 'securityContext.seLinuxOptions.')
  const options: SecurityContext['seLinuxOptions'] = {}
  for (const name of Object.keys(seLinuxFields) as (keyof typeof options)[]) {
    const text = readText(reading, parts, name)
    if (text !== undefined) options[name] = text
  }
  return Object.keys(options).length > 0 ? options : undefined
}

function readCapabilities(reading: Reading, fields: Fields): SecurityContext['capabilities'] {
  const map = readMapField(reading, fields, 'capabilities')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  parts.complainAboutRest({ add: 'read', drop: 'read' }, 'securityContext.capabilities.')
  const add = readNames(reading, parts, 'add')
  const drop = readNames(reading, parts, 'drop')
  return { ...(add !== undefined && { add }), ...(drop !== undefined && { drop }) }
}

function readNames(reading: Reading, fields: Fields, name: string): string[] | undefined {
  const node = fields.value(name)
  if (node === undefined) return undefined
  const items = node.kind === 'list' ? node.items : [node]
  return items.flatMap(item => {
    reading.spend(1, item.at)
    const scalar = asScalar(reading, item, name)
    if (scalar === undefined) return []
    if (/^[A-Z][A-Z0-9_]{0,62}$/.test(scalar.text)) return [scalar.text]
    const hint = 'such as SYS_PTRACE, NET_ADMIN or ALL'
    reading.complaints.error(scalar.at, `${quoteText(scalar.text)} is not a capability`, hint)
    return []
  })
}

import type { Position } from '../../syncer/base/errors.ts'
import { Fields } from './fields.ts'
import type { Forward } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { readLabelField, readLabels } from './read-labels.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { describeNode, joinedPair, type YamlNode, type YamlScalar } from './yaml-node.ts'

/** Letters that a host name or an IP address can hold; what it resolves to is the pod's business. */
const hostPattern = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])$/
const forwardFields = { localPort: 'read', remotePort: 'read', name: 'read', labels: 'read' } as const
const form = 'write local:remote or local:host:remote, such as 8080:80 or 5432:postgres:5432'

/** The local forwards of a dev; a local port that is used twice is an error. */
export function readForwards(reading: Reading, fields: Fields): Forward[] {
  const node = fields.value('forward')
  if (node === undefined) return []
  if (node.kind === 'map') {
    reading.complaints.error(node.at, '`forward` must be a list', 'put "- " before each entry')
    return []
  }
  const byPort = new Map<number, Forward>()
  for (const item of node.kind === 'list' ? node.items : [node]) {
    reading.spend(1, item.at)
    const forward = readForward(reading, item)
    const first = forward && byPort.get(forward.localPort)
    if (forward === undefined) continue
    if (first === undefined) byPort.set(forward.localPort, forward)
    else {
      const message = `the local port ${forward.localPort} is used twice, first in line ${first.at.line}`
      reading.complaints.error(forward.at, message, 'choose another port before the first colon')
    }
  }
  return [...byPort.values()]
}

function readForward(reading: Reading, node: YamlNode): Forward | undefined {
  const joined = joinedPair(node, Object.keys(forwardFields))
  if (joined !== undefined) {
    const hint = 'write it with no blank after the colon'
    reading.complaints.warn(node.at, `this is read as ${quoteText(joined.text)}`, hint)
  } else if (node.kind === 'map') return readMap(reading, new Fields(reading, node), node.at)
  const scalar = joined ?? asScalar(reading, node, 'forward')
  if (scalar === undefined) return undefined
  const parts = /^(\d+)(?::(.*))?:(\d+)$/s.exec(scalar.text)
  if (parts === null) return readOddItem(reading, scalar)
  const localPort = portOf(reading, parts[1]!, scalar.at)
  const remotePort = portOf(reading, parts[3]!, scalar.at)
  const host = parts[2]
  if (host !== undefined && !isHost(reading, host, scalar.at)) return undefined
  if (localPort === undefined || remotePort === undefined) return undefined
  return host === undefined
    ? { localPort, remotePort, at: node.at }
    : { localPort, host: unbracketed(host), remotePort, at: node.at }
}

function readOddItem(reading: Reading, scalar: YamlScalar): Forward | undefined {
  if (/^\d+$/.test(scalar.text)) {
    const port = portOf(reading, scalar.text, scalar.at)
    if (port === undefined) return undefined
    reading.complaints.warn(scalar.at, `${port} is read as ${port}:${port}`, form)
    return { localPort: port, remotePort: port, at: scalar.at }
  }
  const hint = scalar.text.includes('$') ? 'variables are not filled in in `forward`; write the port itself' : form
  reading.complaints.error(scalar.at, `${quoteText(scalar.text)} is not a forward`, hint)
  return undefined
}

function readMap(reading: Reading, fields: Fields, at: Position): Forward | undefined {
  fields.complainAboutRest(forwardFields, 'forward.')
  const localPort = readPort(reading, fields, 'localPort', at)
  const remotePort = readPort(reading, fields, 'remotePort', at)
  if (fields.value('labels') !== undefined) {
    const labels = readTargetLabels(reading, fields)
    if (labels === undefined || localPort === undefined || remotePort === undefined) return undefined
    return { localPort, labels, remotePort, at }
  }
  const node = fields.value('name')
  const name = node && asScalar(reading, node, 'forward.name')
  if (name !== undefined && !isHost(reading, name.text, name.at)) return undefined
  if (localPort === undefined || remotePort === undefined) return undefined
  return name === undefined
    ? { localPort, remotePort, at }
    : { localPort, host: unbracketed(name.text), remotePort, at }
}

function readTargetLabels(reading: Reading, fields: Fields): Record<string, string> | undefined {
  const { complaints } = reading
  const before = complaints.errorCount
  if (fields.value('name') !== undefined) {
    complaints.error(
      fields.entry('labels')!.keyAt,
      'a forward has `name` or `labels`, not both',
      'take one of them out',
    )
  }
  const map = readLabelField(reading, fields, 'labels')
  const expand = (scalar: YamlScalar) => reading.expandVital(scalar, scalar.text, 0, 'forward.labels')
  const labels = map && readLabels(reading, map, { what: 'label', expand })
  if (labels && Object.keys(labels).length === 0 && complaints.errorCount === before) {
    complaints.error(map.at, 'labels that are none mean every Service', 'such as labels: {app: postgres}')
  }
  return complaints.errorCount > before ? undefined : labels
}

function readPort(reading: Reading, fields: Fields, name: string, at: Position): number | undefined {
  const node = fields.value(name)
  if (node === undefined) {
    reading.complaints.error(at, `a forward needs \`${name}\``)
    return undefined
  }
  if (node.kind === 'scalar') return portOf(reading, node.text, node.at)
  reading.complaints.error(node.at, `\`forward.${name}\` must be a port, not ${describeNode(node)}`)
  return undefined
}

/** 1 to 65535; anything else is an error. */
export function portOf(reading: Reading, text: string, at: Position): number | undefined {
  const port = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (port >= 1 && port <= 65_535) return port
  reading.complaints.error(at, `${quoteText(text)} is not a port`, 'a port is a number from 1 to 65535')
  return undefined
}

function isHost(reading: Reading, host: string, at: Position): boolean {
  if (hostPattern.test(host)) return true
  reading.complaints.error(at, `${quoteText(host)} is not a host name`, form)
  return false
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

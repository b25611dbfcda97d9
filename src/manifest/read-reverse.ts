import type { Fields } from './fields.ts'
import type { Forward, Reverse } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { portOf } from './read-forward.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { describeNode, joinedPair, type YamlNode } from './yaml-node.ts'

const form = 'write remote:local, such as 9003:9003: the pod’s port first'
const reversesMax = 100

/**
 * Ports of the pod that lead to the laptop. One that is given twice is an error; one that is forwarded to as well is left
 * out with a warning.
 */
export function readReverses(reading: Reading, fields: Fields, forwards: Forward[]): Reverse[] {
  const node = fields.value('reverse')
  if (node === undefined) return []
  if (node.kind === 'map') {
    reading.complaints.error(
      node.at,
      `\`reverse\` must be a list, not ${describeNode(node)}`,
      'put "- " before each entry',
    )
    return []
  }
  const items = node.kind === 'list' ? node.items : [node]
  const extra = items[reversesMax]
  if (extra !== undefined) reading.complaints.error(extra.at, `more than ${reversesMax} reverse forwards`)
  const byPort = new Map<number, Reverse>()
  for (const item of items.slice(0, reversesMax)) {
    reading.spend(1, item.at)
    const reverse = readReverse(reading, item)
    if (reverse === undefined) continue
    const { remotePort, at } = reverse
    const first = byPort.get(remotePort)
    const there = forwards.find(each => !each.host && !each.labels && each.remotePort === remotePort)
    if (first !== undefined) {
      const message = `the pod’s port ${remotePort} is used twice, first in line ${first.at.line}`
      reading.complaints.error(at, message, 'choose another port before the colon')
    } else if (there !== undefined) {
      // both would lead in a circle; Okteto's templates have it so for a program that listens on that port itself
      const message = `${remotePort} is left out: \`forward\` leads to that port of the pod (line ${there.at.line})`
      reading.complaints.warn(at, message, 'take one of the two out')
    } else byPort.set(remotePort, reverse)
  }
  return [...byPort.values()]
}

function readReverse(reading: Reading, node: YamlNode): Reverse | undefined {
  const joined = joinedPair(node, [])
  if (joined !== undefined) {
    const hint = 'write it with no blank after the colon'
    reading.complaints.warn(node.at, `this is read as ${quoteText(joined.text)}`, hint)
  }
  const scalar = joined ?? asScalar(reading, node, 'reverse')
  if (scalar === undefined) return undefined
  const parts = /^(\d+):(\d+)$/.exec(scalar.text)
  if (parts === null) {
    const hint = scalar.text.includes('$') ? 'variables are not filled in in `reverse`; write the port itself' : form
    reading.complaints.error(scalar.at, `${quoteText(scalar.text)} is not a reverse forward`, hint)
    return undefined
  }
  const remotePort = portOf(reading, parts[1]!, scalar.at)
  const localPort = portOf(reading, parts[2]!, scalar.at)
  return remotePort === undefined || localPort === undefined ? undefined : { remotePort, localPort, at: node.at }
}

import type { Fields } from './fields.ts'
import { quoteText } from './quote-text.ts'
import type { Reading } from './reading.ts'
import { describeNode, type YamlNode, type YamlScalar } from './yaml-node.ts'

const coreTags = new Set(['!', '!!str', '!!int', '!!float', '!!bool', '!!null'])

/** The node as a single value; a list, a map or a foreign tag gives an error. */
export function asScalar(reading: Reading, node: YamlNode, name: string): YamlScalar | undefined {
  if (node.kind !== 'scalar') {
    reading.complaints.error(node.at, `\`${name}\` must be a single value, not ${describeNode(node)}`)
    return undefined
  }
  if (node.tag !== undefined && !coreTags.has(node.tag)) {
    reading.complaints.error(node.at, `\`${name}\` has a tag that is not understood`, 'leave the tag out')
    return undefined
  }
  return node
}

/** The field's text as it is written; undefined where it is missing or empty. */
export function readText(reading: Reading, fields: Fields, name: string): string | undefined {
  const node = fields.value(name)
  const scalar = node && asScalar(reading, node, name)
  return scalar === undefined || scalar.text === '' ? undefined : scalar.text
}

/**
 * The text, with its variables filled in, of a field that decides what is touched: one that is not set is an error, as is
 * a text that comes out empty. undefined where the field is missing or empty.
 */
export function readVital(reading: Reading, fields: Fields, name: string): string | undefined {
  const node = fields.value(name)
  const scalar = node && asScalar(reading, node, name)
  if (scalar === undefined || scalar.text === '') return undefined
  const value = reading.expandVital(scalar, scalar.text, 0, name)
  if (value === '') reading.complaints.error(scalar.at, `\`${name}\` is empty with its variables filled in`)
  return value === '' ? undefined : value
}

export function readBoolean(reading: Reading, fields: Fields, name: string): boolean | undefined {
  const node = fields.value(name)
  const scalar = node && asScalar(reading, node, name)
  if (scalar === undefined) return undefined
  if (/^true$/i.test(scalar.text)) return true
  if (/^false$/i.test(scalar.text)) return false
  // YAML 1.1, which older tools speak, has these too.
  const isYes = /^(?:yes|y|on)$/i.test(scalar.text)
  if (isYes || /^(?:no|n|off)$/i.test(scalar.text)) {
    reading.complaints.warn(scalar.at, `\`${name}\` is read as ${isYes}`, 'YAML 1.2 knows true and false only')
    return isYes
  }
  reading.complaints.error(scalar.at, `\`${name}\` must be true or false, not ${quoteText(scalar.text)}`)
  return undefined
}

/** A whole number from 0 to 2^31 - 1, such as a user id; quotes around it are accepted. */
export function readWholeNumber(reading: Reading, fields: Fields, name: string): number | undefined {
  const node = fields.value(name)
  const scalar = node && asScalar(reading, node, name)
  if (scalar === undefined) return undefined
  const number = /^\d{1,10}$/.test(scalar.text) ? Number(scalar.text) : Number.NaN
  if (number <= 0x7fffffff) return number
  reading.complaints.error(scalar.at, `\`${name}\` must be a whole number, not ${quoteText(scalar.text)}`)
  return undefined
}

export function readChoice<T extends string>(
  reading: Reading,
  fields: Fields,
  name: string,
  choices: readonly T[],
): T | undefined {
  const node = fields.value(name)
  const scalar = node && asScalar(reading, node, name)
  if (scalar === undefined) return undefined
  const choice = choices.find(candidate => candidate === scalar.text)
  if (choice !== undefined) return choice
  const nearest = choices.find(candidate => candidate.toLowerCase() === scalar.text.toLowerCase())
  const hint = nearest === undefined ? undefined : `did you mean ${nearest}?`
  reading.complaints.error(
    scalar.at,
    `\`${name}\` must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}, not ${quoteText(scalar.text)}`,
    hint,
  )
  return undefined
}

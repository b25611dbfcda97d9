import { posix } from 'node:path'
import { Fields } from './fields.ts'
import type { Dev, ExternalVolume, PersistentVolume, VolumePath } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { isQuantity, readMapField } from './read-container.ts'
import { readLabelField, readLabels } from './read-labels.ts'
import { asScalar, readBoolean, readChoice, readText } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { normalisedRemote, reservedFolder, splitFolder } from './sync-folder.ts'
import { asksForNothing, joinedPair, type YamlNode, type YamlScalar } from './yaml-node.ts'

const volumesMax = 100
/** Okteto's. */
const sizeDefault = '5Gi'
/** Kubernetes' name of an object. */
const objectName = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/

/** `volumes`: paths in the container, as text or `{path}`; `local:remote`, which once meant a synced folder, apart. */
export function readVolumePaths(reading: Reading, fields: Fields): { moved: YamlNode[]; volumes: VolumePath[] } {
  const moved: YamlNode[] = []
  const volumes: VolumePath[] = []
  for (const item of itemsOf(reading, fields, 'volumes')) {
    if (item.kind === 'scalar' && splitFolder(item.text) !== undefined) {
      moved.push(item)
      continue
    }
    const volume = readVolumePath(reading, item)
    if (volume === undefined) continue
    const first = volumes.find(({ path }) => path === volume.path)
    if (first === undefined) volumes.push(volume)
    else reading.complaints.error(volume.at, `this volume is there twice, first in line ${first.at.line}`)
  }
  return { moved, volumes }
}

function readVolumePath(reading: Reading, item: YamlNode): VolumePath | undefined {
  const joined = joinedPair(item, ['path'])
  if (joined !== undefined) {
    const hint = 'write it without the blank after the colon, or as a path alone'
    reading.complaints.error(item.at, `${quoteText(joined.text)} is not the path of a volume`, hint)
    return undefined
  }
  if (item.kind !== 'map') {
    const scalar = asScalar(reading, item, 'volumes')
    return scalar && readPath(reading, scalar, scalar.text)
  }
  const parts = new Fields(reading, item)
  parts.complainAboutRest({ path: 'read' }, 'volumes.')
  const node = parts.value('path')
  if (node === undefined) reading.complaints.error(item.at, 'a volume needs `path`', 'such as /root/.cache')
  const scalar = node && asScalar(reading, node, 'path')
  return scalar && readPath(reading, scalar, scalar.text)
}

/** An absolute path in the container; variables in it are not filled in, as in Okteto. */
function readPath(reading: Reading, { at }: YamlScalar, text: string): VolumePath | undefined {
  if (!text.startsWith('/')) {
    const shown = quoteText(posix.join('/', text))
    const hint = text.includes('$') ? 'variables are not filled in here' : `write it from the root: ${shown}`
    reading.complaints.error(at, `${quoteText(text)} must be an absolute path in the container`, hint)
    return undefined
  }
  const path = normalisedRemote(text)
  const reserved = reservedFolder(path)
  if (reserved !== undefined) reading.complaints.error(at, `${reserved} in the container cannot be a volume`)
  else if (path === '/') reading.complaints.error(at, 'a volume cannot cover the container’s root')
  else if (/[:\0]/.test(path))
    reading.complaints.error(at, 'the path of a volume cannot hold a colon or a NUL character')
  else return { path, at }
  return undefined
}

/** `externalVolumes`: `claim:mount` or `claim:subpath:mount`. */
export function readExternalVolumes(reading: Reading, fields: Fields): ExternalVolume[] | undefined {
  const volumes: ExternalVolume[] = []
  for (const item of itemsOf(reading, fields, 'externalVolumes')) {
    const joined = joinedPair(item, [])
    const scalar = joined ?? asScalar(reading, item, 'externalVolumes')
    const volume = scalar && readExternalVolume(reading, scalar)
    if (volume === undefined) continue
    const first = volumes.find(({ path }) => path === volume.path)
    if (first === undefined) volumes.push(volume)
    else reading.complaints.error(volume.at, `something is mounted there already, in line ${first.at.line}`)
  }
  return volumes.length > 0 ? volumes : undefined
}

function readExternalVolume(reading: Reading, scalar: YamlScalar): ExternalVolume | undefined {
  const { text, at } = scalar
  const parts = text.split(':')
  const [claim = '', second = '', third] = parts
  if (parts.length < 2 || parts.length > 3) {
    const hint = 'such as cache:/root/.cache, or data:shop/files:/files'
    reading.complaints.error(at, `${quoteText(text)} is not claim:path or claim:subpath:path`, hint)
    return undefined
  }
  if (!objectName.test(claim)) {
    reading.complaints.error(
      at,
      `${quoteText(claim)} is not the name of a claim`,
      'it is written with a-z, 0-9, - and .',
    )
    return undefined
  }
  const place = readPath(reading, scalar, third ?? second)
  if (place === undefined) return undefined
  const subPath = third === undefined ? '' : second.replace(/^\.?\/+|\/+$/g, '')
  if (subPath.split('/').includes('..')) {
    reading.complaints.error(at, 'the path within a claim cannot hold ..')
    return undefined
  }
  return { claim, ...place, ...(subPath !== '' && subPath !== '.' && { subPath }) }
}

/** `persistentVolume`; undefined where it is off, as it is unless something is asked for. */
export function readPersistentVolume(reading: Reading, fields: Fields): Dev['persistentVolume'] {
  const node = fields.value('persistentVolume')
  if (node === undefined) return undefined
  const keyAt = fields.entry('persistentVolume')!.keyAt
  if (node.kind === 'scalar') {
    const isOn = readBoolean(reading, fields, 'persistentVolume')
    return isOn ? { size: sizeDefault, accessMode: 'ReadWriteOnce', at: keyAt } : undefined
  }
  const map = readMapField(reading, fields, 'persistentVolume')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  const known = ['enabled', 'accessMode', 'size', 'storageClass', 'volumeMode', 'labels', 'annotations']
  parts.complainAboutRest(Object.fromEntries(known.map(name => [name, 'read' as const])), 'persistentVolume.')
  // what is off is not looked at
  if (readBoolean(reading, parts, 'enabled') === false) return undefined
  const accessMode = readChoice(reading, parts, 'accessMode', ['ReadWriteOnce', 'ReadWriteMany', 'ReadWriteOncePod'])
  const size = readSize(reading, parts)
  const storageClass = readClass(reading, parts)
  const volumeMode = readText(reading, parts, 'volumeMode') ?? 'Filesystem'
  if (volumeMode !== 'Filesystem') {
    const { at } = parts.entry('volumeMode')!.value
    reading.complaints.error(at, `\`volumeMode\` must be Filesystem, not ${quoteText(volumeMode)}`)
  }
  const labels = readMarks(reading, parts, 'labels')
  const annotations = readMarks(reading, parts, 'annotations')
  if (asksForNothing(map)) return undefined
  const volume: PersistentVolume = { size: size ?? sizeDefault, accessMode: accessMode ?? 'ReadWriteOnce', at: keyAt }
  return {
    ...volume,
    ...(storageClass !== undefined && { storageClass }),
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
  }
}

function readSize(reading: Reading, fields: Fields): string | undefined {
  const text = readText(reading, fields, 'size')
  if (text === undefined || (isQuantity(text) && /^[^-num]*[1-9][^-num]*$/.test(text))) return text
  const hint = `such as ${sizeDefault} or 500Mi`
  reading.complaints.error(fields.entry('size')!.value.at, `${quoteText(text)} is not the size of a volume`, hint)
  return undefined
}

function readClass(reading: Reading, fields: Fields): string | undefined {
  const text = readText(reading, fields, 'storageClass')
  if (text === undefined || objectName.test(text)) return text
  const { at } = fields.entry('storageClass')!.value
  reading.complaints.error(at, `${quoteText(text)} is not the name of a storage class`, '`kubectl get storageclass`')
  return undefined
}

function readMarks(reading: Reading, fields: Fields, name: 'labels' | 'annotations') {
  const map = readLabelField(reading, fields, name)
  if (map === undefined || map.pairs.length === 0) return undefined
  const what = name === 'labels' ? 'label' : 'annotation'
  return readLabels(reading, map, { what, expand: scalar => reading.expand(scalar) })
}

function itemsOf(reading: Reading, fields: Fields, name: string): YamlNode[] {
  const node = fields.value(name)
  if (node === undefined) return []
  const items = node.kind === 'list' ? node.items : [node]
  const extra = items[volumesMax]
  if (extra !== undefined) reading.complaints.error(extra.at, `more than ${volumesMax} in \`${name}\``)
  reading.spend(Math.min(items.length, volumesMax), node.at)
  return items.slice(0, volumesMax)
}

import type { DevSource } from './dev-source.ts'
import { Fields } from './fields.ts'
import type { Dev } from './manifest.ts'
import type { Reading } from './reading.ts'
import { describeNode, type YamlMap, type YamlNode } from './yaml-node.ts'

const servicesMax = 100
/** What belongs to the dev itself: a service has no terminal, and nothing of the laptop but its files. */
const devsOwn = ['forward', 'reverse', 'interface', 'services', 'autocreate', 'secrets'] as const
const folderFields = ['sync', 'workdir', 'mountpath', 'subpath'] as const

export interface ServicesSource {
  /** The dev that they belong to. */
  main: Dev
  /** What the manifest's devs are called. */
  devNames: ReadonlySet<string>
  leaveOut: DevSource['leaveOut']
  /** `readDev`. */
  read: (reading: Reading, source: DevSource) => Dev | undefined
}

/**
 * `services`: more workloads that get the same files. Each is a dev of its own; where it says nothing of folders it has
 * the dev's.
 */
export function readServices(reading: Reading, fields: Fields, source: ServicesSource): Dev[] {
  const node = fields.value('services')
  if (node === undefined) return []
  if (node.kind !== 'list') {
    const hint = 'such as services: [{name: worker, command: bundle exec sidekiq}]'
    reading.complaints.error(node.at, `\`services\` must be a list, not ${describeNode(node)}`, hint)
    return []
  }
  const extra = node.items[servicesMax]
  if (extra !== undefined) reading.complaints.error(extra.at, `more than ${servicesMax} services`)
  const items = node.items.slice(0, servicesMax)
  const taken = new Set([...source.devNames, ...items.map(item => writtenName(reading, item))])
  return items.flatMap((item, index) => {
    // by steps of their number, no two of them meet
    let suffix = index + 2
    while (taken.has(nameOf(source.main, suffix))) suffix += items.length
    return readService(reading, item, nameOf(source.main, suffix), source)
  })
}

const nameOf = (main: Dev, suffix: number) => `${main.name}-${suffix}`

function writtenName(reading: Reading, item: YamlNode): string {
  const name = item.kind === 'map' ? new Fields(reading, item).value('name') : undefined
  return name?.kind === 'scalar' ? name.text : ''
}

/** `spokenName` is for one that has no name of its own. */
function readService(reading: Reading, item: YamlNode, spokenName: string, source: ServicesSource): Dev[] {
  reading.spend(1, item.at)
  if (item.kind !== 'map') {
    const hint = 'such as {name: worker, command: bundle exec sidekiq}'
    reading.complaints.error(item.at, `a service must be a map, not ${describeNode(item)}`, hint)
    return []
  }
  const { main, leaveOut, devNames } = source
  const fields = new Fields(reading, item)
  for (const name of devsOwn) {
    const entry = fields.value(name) && fields.entry(name)
    if (entry) reading.complaints.warn(entry.keyAt, `has no effect here: services.${name}`)
  }
  const isNamed = fields.value('name') !== undefined
  const isFound = fields.value('selector') !== undefined || fields.value('labels') !== undefined
  // what is found by its labels needs a name only to be spoken of
  const key = !isNamed && isFound ? { text: spokenName, at: item.at } : undefined
  const read = source.read(reading, { fields: without(reading, item, fields), leaveOut, devNames, ...(key && { key }) })
  if (read === undefined) return []
  const service: Dev = fields.value('command') === undefined ? { ...read, keepsCommand: true } : read
  if (folderFields.some(name => fields.value(name) !== undefined)) return [service]
  const { workdir: _, ...rest } = service
  return [{ ...rest, sync: main.sync, ...(main.workdir !== undefined && { workdir: main.workdir }) }]
}

/** The service's fields but for those that are the dev's alone. */
function without(reading: Reading, item: YamlMap, fields: Fields): Fields {
  if (!devsOwn.some(name => fields.has(name))) return fields
  const names: readonly string[] = devsOwn
  const pairs = item.pairs.filter(({ key }) => key.kind !== 'scalar' || !names.includes(key.text))
  return new Fields(reading, { ...item, pairs })
}

/** A dev and its services. */
export function withServices(dev: Dev): Dev[] {
  return [dev, ...(dev.services ?? [])]
}

/** A dev is there once, and once among its services; those may be another dev's too, or devs besides. */
export function refuseTwins(reading: Reading, devs: Dev[]): void {
  for (const some of [devs, ...devs.map(withServices)]) refuseTwinsAmong(reading, some)
}

function refuseTwinsAmong(reading: Reading, devs: Dev[]): void {
  const seen = new Map<string, Dev>()
  for (const dev of devs) {
    const twin = seen.get(dev.name)
    if (twin === undefined) seen.set(dev.name, dev)
    else reading.complaints.error(dev.at, `two devs are named ${dev.name}, the first in line ${twin.at.line}`)
  }
}

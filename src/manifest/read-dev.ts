import type { Position } from '../../syncer/base/errors.ts'
import type { DevSource } from './dev-source.ts'
import { devFields } from './field-names.ts'
import type { Fields } from './fields.ts'
import type { Dev } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { readLifecycle, readProbes } from './read-checks.ts'
import { readCommand } from './read-command.ts'
import { readImage, readResources, readSecurityContext } from './read-container.ts'
import { readEnvironment } from './read-environment.ts'
import { readForwards } from './read-forward.ts'
import { readInitContainer } from './read-init-container.ts'
import { readLabelField, readLabels } from './read-labels.ts'
import { readMetadata } from './read-metadata.ts'
import { readReverses } from './read-reverse.ts'
import { readBoolean, readChoice, readText, readVital, readWholeNumber } from './read-scalar.ts'
import { readScheduling } from './read-scheduling.ts'
import { readSecrets } from './read-secrets.ts'
import { readServices } from './read-services.ts'
import { readFolders } from './read-sync.ts'
import { readTimeout } from './read-timeout.ts'
import { readExternalVolumes, readPersistentVolume } from './read-volumes.ts'
import type { Reading } from './reading.ts'

/** Kubernetes' DNS label, in which Okteto's names are written too. */
const dnsLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/

/** One dev; undefined where it cannot be used, after the reason has been said. */
export function readDev(reading: Reading, { fields, key, devNames, leaveOut }: DevSource): Dev | undefined {
  const before = reading.complaints.errorCount
  const name = readName(reading, fields, key)
  if (readChoice(reading, fields, 'mode', ['sync', 'hybrid']) === 'hybrid') {
    // Run in the pod, what is meant for the laptop would start in the wrong place on the wrong files.
    const hint = 'a hybrid dev runs its command on the laptop'
    leaveOut({ at: fields.entry('mode')!.value.at, message: 'not acted on yet: mode: hybrid', hint }, name ?? 'it')
    return undefined
  }
  refuseDivert(reading, fields)
  const selector = readSelector(reading, fields)
  const container = readLabel(reading, fields, 'container')
  const image = readImage(reading, fields)
  const imagePullPolicy = readChoice(reading, fields, 'imagePullPolicy', ['Always', 'IfNotPresent', 'Never'])
  const command = readCommand(reading, fields)
  const folders = readFolders(reading, fields)
  const forward = readForwards(reading, fields)
  const reverse = readReverses(reading, fields, forward)
  const environment = readEnvironment(reading, fields)
  const listenOn = readText(reading, fields, 'interface') ?? 'localhost'
  const initContainer = readInitContainer(reading, fields)
  const securityContext = readSecurityContext(reading, fields)
  const resources = readResources(reading, fields)
  const scheduling = readScheduling(reading, fields)
  const metadata = readMetadata(reading, fields)
  const podTimeoutMs = readTimeout(reading, fields)
  const autocreate = readBoolean(reading, fields, 'autocreate') || undefined
  warnOfReplicas(reading, fields)
  const probes = readProbes(reading, fields)
  const hooks = readLifecycle(reading, fields)
  const secrets = readSecrets(reading, fields, folders.sync)
  const externalVolumes = readExternalVolumes(reading, fields)
  const persistentVolume = readPersistentVolume(reading, fields)
  const initFromImage = readBoolean(reading, fields, 'initFromImage') || undefined
  if (initFromImage && !persistentVolume && !folders.volumes) {
    const hint = 'the image’s files are there without it; `volumes` and `persistentVolume` hide them'
    reading.complaints.warn(fields.entry('initFromImage')!.keyAt, 'has no effect here: initFromImage', hint)
  }
  fields.complainAboutRest(devFields)
  if (name === undefined || reading.complaints.errorCount > before) return undefined
  const at = key?.at ?? fields.entry('name')!.keyAt
  const dev: Dev = { name, at, command, ...folders, forward, environment, interface: listenOn }
  const services = readServices(reading, fields, { main: dev, devNames, leaveOut, read: readDev })
  return dropUndefined({
    ...dev,
    reverse: reverse.length > 0 ? reverse : undefined,
    services: services.length > 0 ? services : undefined,
    selector,
    container,
    image,
    imagePullPolicy,
    initContainer,
    securityContext,
    resources,
    scheduling,
    metadata,
    podTimeoutMs,
    autocreate,
    probes,
    ...hooks,
    secrets,
    initFromImage,
    externalVolumes,
    persistentVolume,
  })
}

function readName(
  reading: Reading,
  fields: Fields,
  key: { text: string; at: Position } | undefined,
): string | undefined {
  const entry = fields.entry('name')
  const before = reading.complaints.errorCount
  const written = readVital(reading, fields, 'name')
  if (reading.complaints.errorCount > before) return undefined
  const raw = written ?? key?.text
  if (raw === undefined || raw === '') {
    reading.complaints.error(entry?.keyAt ?? fields.at, 'the name of the workload is missing', 'add name: WORKLOAD')
    return undefined
  }
  if (dnsLabel.test(raw)) return raw
  const at = written === undefined ? key!.at : entry!.value.at
  // What variables gave is not mended, for the message would have to show it.
  const isFilledIn = entry?.value.kind === 'scalar' && entry.value.text.includes('$')
  const rule = 'a workload is named with at most 63 of a-z, 0-9 and -'
  const mended = isFilledIn || raw.length > 63 ? '' : mendedName(raw)
  if (mended === '') {
    const shown = isFilledIn ? 'this' : quoteText(raw)
    reading.complaints.error(at, `${shown} cannot be the name of a workload`, rule)
    return undefined
  }
  reading.complaints.warn(at, `${quoteText(raw)} is read as ${quoteText(mended)}`, rule)
  return mended
}

function mendedName(raw: string): string {
  const dashed = raw.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return dashed.replace(/^-|-$/g, '')
}

function refuseDivert(reading: Reading, fields: Fields): void {
  if (fields.value('divert') === undefined) return
  const hint = 'without it everybody would get the dev container; take `divert` out if that is meant'
  reading.complaints.error(fields.entry('divert')!.keyAt, 'not acted on yet: divert', hint)
}

/** A dev is one container, whose folder is in step with the laptop's. */
function warnOfReplicas(reading: Reading, fields: Fields): void {
  const replicas = readWholeNumber(reading, fields, 'replicas')
  if (replicas === undefined || replicas === 1) return
  reading.complaints.warn(fields.entry('replicas')!.keyAt, 'has no effect here: replicas', 'a dev has one pod')
}

/** `selector`, which v1 files call `labels`. */
function readSelector(reading: Reading, fields: Fields): Record<string, string> | undefined {
  const name = fields.value('selector') === undefined ? 'labels' : 'selector'
  if (name === 'selector' && fields.value('labels') !== undefined) {
    reading.complaints.warn(fields.entry('labels')!.keyAt, 'has no effect here: labels, beside `selector`')
  }
  const map = readLabelField(reading, fields, name)
  if (map === undefined || map.pairs.length === 0) return undefined
  return readLabels(reading, map, {
    what: 'label',
    expand: scalar => reading.expandVital(scalar, scalar.text, 0, name),
  })
}

function readLabel(reading: Reading, fields: Fields, name: string): string | undefined {
  const text = readVital(reading, fields, name)
  if (text === undefined || dnsLabel.test(text)) return text
  const { value } = fields.entry(name)!
  const shown = value.kind === 'scalar' ? quoteText(value.text) : 'this'
  reading.complaints.error(value.at, `${shown} is not the name of a container`, 'it is written with a-z, 0-9 and -')
  return undefined
}

function dropUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}

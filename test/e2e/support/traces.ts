import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Kubectl, SeenObject } from './kubectl.ts'
import type { Laptop } from './laptop.ts'
import { isListening } from './ports.ts'
import { eventually } from './until.ts'

/** A workload before it was swapped. */
export interface Before {
  spec: string
  uid: string
  labels: string
}

const kinds = 'deployments,statefulsets,replicasets,pods,leases,services,endpointslices,configmaps,secrets,pvc'

export async function before(kubectl: Kubectl, workload = 'web'): Promise<Before> {
  const { spec, metadata } = await kubectl.get('deployment', workload)
  return { spec: JSON.stringify(spec), uid: metadata.uid, labels: JSON.stringify(metadata.labels) }
}

/** The original is what it was, byte for byte; its pods are back and Ready; nothing of ours is in the namespace. */
export async function expectRestored(kubectl: Kubectl, was: Before, workload = 'web'): Promise<void> {
  const now = await kubectl.get('deployment', workload)
  expect(JSON.stringify(now.spec)).toBe(was.spec)
  expect(now.metadata.uid).toBe(was.uid)
  expect(JSON.stringify(now.metadata.labels)).toBe(was.labels)
  expect(now.status.readyReplicas ?? 0).toBe(now.spec.replicas)
  await eventually(async () => expect(await tracesIn(kubectl)).toEqual([]), { deadlineMs: 60_000, everyMs: 250 })
}

/** Objects that name us anywhere: in their own name, a label, an annotation, an owner, a field manager. */
export async function tracesIn(kubectl: Kubectl): Promise<string[]> {
  const objects = await kubectl.list(kinds)
  return objects.filter(namesUs).map(({ kind, metadata }) => `${kind} ${metadata.name}`)
}

/** No process, no listening port, no temp file, no socket of ours on the laptop, nothing half-written in the folder. */
export async function expectLaptopClean(laptop: Laptop, ports: number[], folders: string[]): Promise<void> {
  await eventually(() => expect(laptop.processes()).toEqual([]))
  for (const port of ports) expect(await isListening(port), `port ${port} still listens`).toBe(false)
  expect(filesBelow(laptop.temp)).toEqual([])
  expect(filesBelow(laptop.state).filter(file => statSync(file).isSocket() || /\.(pid|tmp|sock)$/.test(file))).toEqual(
    [],
  )
  for (const folder of folders) expect(filesBelow(join(folder, '.podswap')).filter(isHalfWritten)).toEqual([])
}

function namesUs(object: SeenObject): boolean {
  // neither the test images' own name is a trace, nor the scheme of the embedded cluster's container ids
  return JSON.stringify(object)
    .replaceAll(/podswap\.test\/|podswap:\/\//g, '')
    .includes('podswap')
}

/** Of the engine's private files only the trash (people may want it back) and the ignore file may stay. */
function isHalfWritten(file: string): boolean {
  return !file.includes('trash') && !file.endsWith('.gitignore')
}

export function filesBelow(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory())
      .map(entry => join(entry.parentPath, entry.name))
  } catch {
    return [] // no such folder
  }
}

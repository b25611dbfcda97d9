import type { ContainerRun } from '../pod-runtime.ts'
import { badRequest, invalid, notServed } from '../store/api-error.ts'
import type { ApiObject } from '../store/api-object.ts'
import { type Call, keyOfCall, type Stream } from './call.ts'
import { drained } from './drained.ts'
import type { DialPod } from './port-forward.ts'
import { refuseParameters } from './read-objects.ts'

/** The runs of a pod's containers; the kubelet has them. */
export interface PodRuns {
  /** The running one, or the last that ended. */
  current(podUid: string, container: string): ContainerRun | undefined
  /** The one before. */
  previous(podUid: string, container: string): ContainerRun | undefined
  /** Only while it runs. */
  running(podUid: string, container: string): ContainerRun | undefined
  /** A TCP connection to a port of the pod; undefined where the pod has no place yet. */
  dial(podUid: string): DialPod | undefined
}

/** `pods/log`: what a container printed, as plain text. */
export function podLog(call: Call, runs: PodRuns): Stream {
  const { query, registry, type } = call
  refuseParameters(query, ['sinceSeconds', 'sinceTime', 'limitBytes', 'stream'])
  if (query.get('timestamps') === 'true') throw notServed('the parameter timestamps')
  const pod = registry.get(type, keyOfCall(call))
  const { name = '', uid = '' } = pod.metadata
  const tailLines = readTailLines(query.get('tailLines'), name)
  const container = containerOf(pod, query.get('container'))
  const isPrevious = query.get('previous') === 'true'
  const run = isPrevious ? runs.previous(uid, container) : runs.current(uid, container)
  if (!run && isPrevious) {
    throw badRequest(
      `previous terminated container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} not found`,
    )
  }
  if (!run)
    throw badRequest(
      `container ${JSON.stringify(container)} in pod ${JSON.stringify(name)} is ${whyNot(pod, container)}`,
    )
  const follow = query.get('follow') === 'true' && !isPrevious
  return response => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'no-cache, private' })
    response.flushHeaders()
    const copy = async () => {
      const options = { follow, signal: gone.signal, ...(tailLines !== undefined && { tailLines }) }
      for await (const chunk of run.log(options)) {
        if (response.destroyed) return
        if (!response.write(chunk)) await drained(response)
      }
    }
    copy().then(
      () => response.end(),
      () => response.destroy(),
    )
  }
}

function readTailLines(text: string | null, name: string): number | undefined {
  if (text === null) return undefined
  if (!/^-?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  const lines = Number(text)
  if (lines >= 0) return lines
  const message = `Invalid value: ${lines}: must be greater than or equal to 0`
  throw invalid({ kind: 'PodLogOptions', group: '' }, name, [
    { reason: 'FieldValueInvalid', message, field: 'tailLines' },
  ])
}

/** The named container, or the only one. Throws 400 for one that is not there, and where it takes a name to choose. */
export function containerOf({ metadata, spec }: ApiObject, wanted: string | null, orFirst = false): string {
  const namesOf = (list: { name: string }[] = []) => list.map(({ name }) => name)
  const all = [...namesOf(spec.initContainers), ...namesOf(spec.containers)]
  if (wanted) {
    if (all.includes(wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`)
  }
  if (all.length === 1 || orFirst) return namesOf(spec.containers)[0] ?? ''
  throw badRequest(`a container name must be specified for pod ${metadata.name}, choose one of: [${all.join(' ')}]`)
}

function whyNot(pod: ApiObject, container: string): string {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const waiting = statuses.find(({ name }) => name === container)?.state?.waiting
  const reason = waiting?.reason ?? 'ContainerCreating'
  if (['ErrImagePull', 'ImagePullBackOff'].includes(reason)) return "waiting to start: image can't be pulled"
  return `waiting to start: ${reason}`
}

/** Refused before the connection is upgraded: nothing of the command has run. */
export function checkExec(call: Call): { pod: ApiObject; container: string; command: string[] } {
  const { query, registry, type } = call
  const pod = registry.get(type, keyOfCall(call))
  const container = containerOf(pod, query.get('container'), true)
  if (isTrue(query.get('tty'))) throw notServed('exec with a terminal (tty=true)')
  return { pod, container, command: query.getAll('command') }
}

export function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1'
}

import type { Scaler } from '../swap/field-owners.ts'
import type { SwapEvent } from '../swap/swap-event.ts'
import { commandLine } from './command-line.ts'
import { type Line, withHint } from './line.ts'
import { plural } from './quantity.ts'

/** What becomes of the workload. */
export function swapLines(event: SwapEvent): Line[] {
  const busy = (text: string): Line[] => [{ tone: 'busy', text }]
  switch (event.type) {
    case 'warning':
      return withHint({ tone: 'warn', text: event.message }, event.hint)
    case 'dry-run':
      return busy(`asking the cluster whether it takes ${event.clone}`)
    case 'scaled-down':
      return busy(`${event.workload} goes to 0 of ${plural(event.replicas, 'replica')}`)
    case 'waiting-old-pod':
      return busy(`waiting until ${event.pods.join(', ')} is gone`)
    case 'created':
      return [{ tone: 'note', text: `${event.object} is made: there was none` }]
    case 'removed':
      return busy(`${event.object} is deleted`)
    case 'command-kept':
      return [{ tone: 'note', text: `its own command is kept: ${commandLine(event.command)}` }]
    case 'volume-created':
      return busy(`the volume ${event.claim} is made`)
    case 'volume-grown':
      return [{ tone: 'note', text: `the volume ${event.claim} grows to what the manifest says now` }]
    case 'clone-created':
      return busy(`${event.clone} is made`)
    case 'template-followed': {
      const then = event.restarts ? 'the dev pod starts anew with it' : 'nothing of it concerns the dev pod'
      return [{ tone: 'note', text: `${event.workload} has a new pod template (${event.changes.join(', ')}): ${then}` }]
    }
    case 'scaled-up':
      return scaledUpLines(event)
    case 'clone-changed':
      return [{ tone: 'note', text: `${event.clone} is changed to what the manifest says now` }]
    case 'clone-deleted':
      return busy(`${event.clone} is deleted`)
    case 'waiting-clone-pod':
      return busy(`waiting until ${event.pods.join(', ')} is gone`)
    case 'waiting-original': {
      const why = event.message === undefined ? '' : `: ${event.message}`
      return busy(`${event.workload}: ${event.ready} of ${plural(event.wanted, 'replica')} ready${why}`)
    }
    case 'touching':
    case 'clone-reused':
    case 'stopping-clone':
    case 'restored':
    case 'original-ready':
      return []
  }
}

function scaledUpLines(event: Extract<SwapEvent, { type: 'scaled-up' }>): Line[] {
  const { workload, replicas, by, times, timesMax, gaveUp } = event
  const who = by.manager ?? (by.scales ? 'something that scales' : 'somebody')
  const what = `${workload} was scaled to ${plural(replicas, 'replica')} by ${who}`
  if (!gaveUp) return [{ tone: 'warn', text: `${what}; it is at 0 again (${times} of ${timesMax})` }]
  return [
    { tone: 'warn', text: `${what} again: it stays, and Services reach its pods as well as the dev pod` },
    ...scalerCures(workload, by).map((text): Line => ({ tone: 'note', text })),
  ]
}

/** How to keep whoever it is from scaling it up. */
function scalerCures(workload: string, { manager = '', scales }: Scaler): string[] {
  const [kind = '', name] = workload.split('/')
  const argo = `Argo CD: spec.ignoreDifferences: [{group: apps, kind: ${kindNames[kind] ?? kind}, name: ${name}, jsonPointers: [/spec/replicas]}], and syncOptions: [RespectIgnoreDifferences=true]`
  const flux = `Flux: leave spec.replicas out of the manifest, or suspend it: flux suspend kustomization NAME`
  const keda = 'KEDA: kubectl annotate scaledobject NAME autoscaling.keda.sh/paused=true'
  if (manager.includes('argocd')) return [argo]
  if (/kustomize-controller|helm-controller/.test(manager)) return [flux]
  return scales ? [keda, argo, flux] : [argo, flux]
}

const kindNames: Record<string, string> = { deployment: 'Deployment', statefulset: 'StatefulSet' }

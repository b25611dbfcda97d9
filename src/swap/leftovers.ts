import { type Swapped, swappedTitle } from './swapped.ts'

/** What was left in the namespace, and what would mend it. */
export interface Leftover {
  /**
   * `no-session`: swapped, and nobody is at it. `half-swapped`: the original is at 0 with its record, and there is no
   * clone. `clone`: its original is gone, or is back. `lease`: nothing but a Lease that nobody renews. `refused`: the
   * original is scaled up, and the namespace refuses its pods.
   */
  kind: 'no-session' | 'half-swapped' | 'clone' | 'lease' | 'refused'
  swapped: Swapped
  message: string
  /** What `doctor --fix` does; absent where somebody may still be at it. */
  fix?: string
}

export interface LeftoverView {
  /** `user@host` of who looks. */
  viewer: string
  /** `deployment/web`: what processes of this machine hold. */
  heldHere: string[]
  /** Sessions of this laptop whose process is gone: none of them goes on, however young its Lease is. */
  endedHere: string[]
  /** Of these: those whose folders are known here, and whose pods run. */
  fetchable: string[]
  nowMs: number
}

/** Those of what is swapped that nobody works on. Pure. */
export function leftoversOf(all: Swapped[], view: LeftoverView): Leftover[] {
  return all.flatMap(swapped => leftoverOf(swapped, view) ?? [])
}

function leftoverOf(swapped: Swapped, view: LeftoverView): Leftover | undefined {
  const { lease, state } = swapped
  const title = swappedTitle(swapped)
  const back = swapped.made
    ? `delete ${title}, which podswap had made`
    : `put ${title} back${swapped.replicas > 0 ? ` to ${plural(swapped.replicas)}` : ''}`
  // one that lives is about to go on
  if (lease && !lease.isExpired && !view.endedHere.includes(lease.session)) return undefined
  if (view.heldHere.includes(title)) return undefined
  if (swapped.refused) return refusedPods(swapped, swapped.refused)
  switch (state) {
    case 'claimed':
      return { kind: 'lease', swapped, message: leaseText(swapped), fix: 'delete the Lease' }
    case 'left-over':
      return {
        kind: 'clone',
        swapped,
        message: `${swapped.clone} is a clone of ${title}, which is gone or back already`,
        fix: `delete ${swapped.clone}`,
      }
    case 'no-clone':
      return {
        kind: 'half-swapped',
        swapped,
        message: `${title} is at 0 with its undo record, and has no clone`,
        fix: back,
      }
    case 'swapped':
      return noSession(swapped, view, back)
  }
}

function refusedPods(swapped: Swapped, { pods, reason }: NonNullable<Swapped['refused']>): Leftover {
  const title = swappedTitle(swapped)
  return {
    kind: 'refused',
    swapped,
    message: `${title} is scaled up again and has ${pods} of ${plural(swapped.replicas)}: the namespace refuses its pods: ${reason}`,
    fix: `ask for its pods anew, and put ${title} back when it gets them`,
  }
}

function leaseText({ lease, ...swapped }: Swapped): string {
  const title = swappedTitle(swapped)
  return lease?.isExpired === false
    ? `a Lease of ${title} is of a process that is gone`
    : `a Lease of ${title} has lapsed`
}

function noSession(swapped: Swapped, { viewer, nowMs, fetchable }: LeftoverView, back: string): Leftover {
  const { lease, owner = 'somebody' } = swapped
  const title = swappedTitle(swapped)
  if (!lease && owner !== viewer) {
    const message = `${title} is swapped by ${owner}; no Lease tells whether they are still there`
    return { kind: 'no-session', swapped, message }
  }
  const last = lease ? `, last seen ${ago(lease.ageMs)} ago` : swapped.since ? sinceText(swapped.since, nowMs) : ''
  return {
    kind: 'no-session',
    swapped,
    message: `${title} is swapped by ${lease?.owner ?? owner}${last}, and nobody is at it`,
    fix: fetchable.includes(swapped.session)
      ? `fetch what was written in its pod, and ${back}`
      : `${back}; what was edited in its pod alone is lost`,
  }
}

function sinceText(since: string, nowMs: number): string {
  const ms = nowMs - Date.parse(since)
  return Number.isNaN(ms) ? '' : `, begun ${ago(ms)} ago`
}

function plural(count: number): string {
  return `${count} ${count === 1 ? 'replica' : 'replicas'}`
}

/** `40 s`, `5 min`, `3 h` */
export function ago(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 2) return `${Math.round(ms / 1000)} s`
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

import type { ApiFault } from './api-proxy.ts'

export interface FaultScenario {
  fault: ApiFault
  during: 'up' | 'down'
  /** The how manieth call of it. */
  at: number
}

const allKinds: ApiFault[] = [
  'kill',
  { refuse: 409 },
  { refuse: 429 },
  { refuse: 500 },
  'drop-before',
  'drop-after',
  'silence',
]
/**
 * `all`: every fault at every call, which takes most of an hour. A number: which share of them; `today`: that of the
 * day. Default: always the same, so that what passed once passes tomorrow.
 */
const wanted = process.env.PODSWAP_E2E_FAULTS
/** As named by PODSWAP_E2E_FAULT_KINDS, a list of `kill`, `409`, `silence`, … */
const kinds = kindsNamed(process.env.PODSWAP_E2E_FAULT_KINDS)
const dayMs = 86_400_000
const share = wanted === 'today' ? Math.floor(Date.now() / dayMs) : Number(wanted ?? 0)

export const allFaults = wanted === 'all'

/** All, or a sample of them, which wanders over them with the share: so many of `kill`, and of all other kinds together. */
export function scenariosOf(
  calls: Record<'up' | 'down', number>,
  sampleSize: { kill: number; others: number },
): FaultScenario[] {
  const all = kinds.flatMap(fault =>
    (['up', 'down'] as const).flatMap(during =>
      Array.from({ length: calls[during] }, (_, index) => ({ fault, during, at: index + 1 })),
    ),
  )
  if (allFaults) return all
  const kills = all.filter(({ fault }) => fault === 'kill')
  const others = all.filter(({ fault }) => fault !== 'kill')
  return [...sampleOf(kills, sampleSize.kill), ...sampleOf(others, sampleSize.others)]
}

/** Far apart: early and late calls of both commands. */
function sampleOf(all: FaultScenario[], size: number): FaultScenario[] {
  const count = Math.min(size, all.length)
  return Array.from(
    { length: count },
    (_, index) => all[(share + Math.floor((index * all.length) / count)) % all.length]!,
  )
}

export function textOf({ fault, during, at }: FaultScenario): string {
  return `${typeof fault === 'object' ? fault.refuse : fault} at call ${at} of ${during}`
}

function kindsNamed(names: string | undefined): ApiFault[] {
  if (names === undefined) return allKinds
  return names.split(',').map(name => {
    const kind = allKinds.find(each => String(typeof each === 'object' ? each.refuse : each) === name)
    if (!kind) throw new Error(`PODSWAP_E2E_FAULT_KINDS: no ${name}`)
    return kind
  })
}

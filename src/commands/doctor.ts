import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { removeStale, staleFiles } from '../home/stale-state.ts'
import { isAlive, stopHolder } from '../session/find-holder.ts'
import type { Leftover } from '../swap/leftovers.ts'
import { findSwapped, type Swapped, swappedTitle } from '../swap/swapped.ts'
import type { Reporter, UiEvent } from '../ui/events.ts'
import { confirm } from './confirm.ts'
import type { Invocation } from './io.ts'
import { leftSwaps, mendSwap } from './mend-swaps.ts'
import { livingHolders } from './targets.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

export interface DoctorOptions {
  fix?: boolean
  yes?: boolean
}

/** One thing that was left over, and what mends it. */
interface Finding {
  kind: Leftover['kind'] | 'process' | 'state'
  message: string
  /** Absent: for a person to decide. */
  fix?: string
  mend?: (report: (event: UiEvent) => void) => Promise<void>
}

/**
 * Finds what was left over, in the namespace and on this machine; mends it where that is asked for. Exit code 1 where
 * something is left.
 */
export async function doctor(invocation: Invocation<DoctorOptions>): Promise<number> {
  const { io, globals, options } = invocation
  if (options.fix && globals.json && !options.yes) {
    throw new UserError('usage', '--json prints one document and asks nothing', { hint: 'add --yes' })
  }
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  const { reporter } = workplace
  try {
    const findings = await findAll(invocation, workplace)
    if (!globals.json) io.stdout.write(findingsText(findings, workplace))
    const mendable = findings.filter(({ mend }) => mend !== undefined)
    const asked = options.fix === true && mendable.length > 0
    const mends = asked && (options.yes || (await confirm(io, `Do this (${mendable.length})?`)))
    const mended = mends ? await mendAll(mendable, globals.json ? null : reporter) : []
    if (globals.json) io.stdout.write(findingsJson(findings, mended))
    return findings.every(finding => mended.includes(finding)) ? 0 : 1
  } finally {
    reporter.close()
  }
}

async function findAll(invocation: Invocation<DoctorOptions>, workplace: Workplace): Promise<Finding[]> {
  const { io } = invocation
  const { cluster, home } = workplace
  const signal = io.interrupted
  const stale = staleFiles(home, (pid, processStart) => isAlive({ pid, processStart }))
  const all = await findSwapped(cluster, { signal })
  const findings: Finding[] = leftSwaps(workplace, all, io).map(left => ({
    ...left,
    ...(left.fix && { mend: report => mendSwap(workplace, left, { io, report }) }),
  }))
  for (const record of livingHolders(workplace).filter(record => isOrphan(record, all))) {
    const message = `process ${record.pid} holds ${record.dev}, and ${record.workload} is not swapped any more`
    findings.push({
      kind: 'process',
      message,
      fix: `end process ${record.pid}`,
      mend: () => stopHolder(home, record, signal),
    })
  }
  if (stale.length > 0) {
    const message = `the state folder ${home.path} has ${stale.length} files of processes that are gone`
    findings.push({ kind: 'state', message, fix: 'delete them', mend: async () => removeStale(stale) })
  }
  return findings
}

function isOrphan(record: HolderRecord, all: Swapped[]): boolean {
  return record.workload !== null && !all.some(swapped => swappedTitle(swapped) === record.workload)
}

/** Those that were mended: one that cannot be does not keep the others from it. */
async function mendAll(findings: Finding[], reporter: Reporter | null): Promise<Finding[]> {
  const report = (event: UiEvent) => reporter?.report(event)
  const mended: Finding[] = []
  for (const finding of findings) {
    const { fix = '', mend } = finding
    try {
      await mend?.(report)
      mended.push(finding)
      report({ type: 'done', message: `done: ${fix}` })
    } catch (error) {
      if (!(error instanceof UserError) || error.code === 'interrupted') throw error
      report({ type: 'warning', message: `could not ${fix}: ${error.message}`, hint: error.hint })
    }
  }
  return mended
}

function findingsJson(findings: Finding[], mended: Finding[]): string {
  const leftovers = findings.map(finding => {
    const { kind, message, fix = null } = finding
    return { kind, message, fix, fixed: mended.includes(finding) }
  })
  return `${JSON.stringify({ leftovers }, null, 2)}\n`
}

function findingsText(findings: Finding[], { cluster }: Workplace): string {
  if (findings.length === 0) return `nothing is left over in ${cluster.namespace} and on this machine\n`
  return findings
    .map(
      ({ message, fix }) =>
        `${message}\n  ${fix ? `podswap doctor --fix would ${fix}` : 'ask them, or podswap down'}\n`,
    )
    .join('')
}

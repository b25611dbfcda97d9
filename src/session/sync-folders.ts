import type { Clock, Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { notTakenInCode } from '../../syncer/engine/exchange/path-problems.ts'
import {
  type SyncEvent,
  type SyncProblem,
  type SyncSession,
  type SyncStatus,
  unusableCode,
} from '../../syncer/session/sync-port.ts'
import type { SyncFolder } from '../manifest/manifest.ts'
import type { Transfer, UiEvent } from '../ui/events.ts'
import { cureOf, problemText } from '../ui/problem-text.ts'
import type { Link } from './link.ts'
import type { AppliedSwap } from './parts.ts'
import type { FolderSource } from './status-report.ts'
import type { SyncParts } from './sync-parts.ts'
import { TransferRate } from './transfer-rate.ts'

const PROGRESS_INTERVAL_MS = 200
const COUNTED_PATIENCE_MS = 2_000
/** Of what keeps an end from being in step so many are named. */
const NAMED_MAX = 10

const LIVE: SyncStatus['state'][] = ['first-sync', 'syncing', 'ready']

/** The synced folders of one session: they live as long as it does, connections come and go. */
export class SyncFolders {
  readonly #fence: number
  readonly #open: { folder: SyncFolder; session: SyncSession }[]
  readonly #listeners = new Set<(folder: SyncFolder, event: SyncEvent) => void>()
  /** The connection that it is attached to. */
  #link: Link | null = null
  readonly #clock: Clock
  readonly #timers: Timers

  constructor(
    parts: Pick<SyncParts, 'clock' | 'timers' | 'openSync'>,
    folders: SyncFolder[],
    swap: AppliedSwap,
    report: (event: UiEvent) => void,
  ) {
    this.#clock = parts.clock
    this.#timers = parts.timers
    this.#fence = swap.fence
    this.#open = []
    try {
      for (const folder of folders) {
        const session = parts.openSync(folder, swap, event => {
          report({ type: 'sync', folder: folder.remote, event })
          // The streams ended under it, though the connection that carries them may stand: a fresh one mends that.
          if (event.type === 'state' && event.state === 'paused') this.#link?.close()
          for (const listener of [...this.#listeners]) listener(folder, event)
        })
        this.#open.push({ folder, session })
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Gives every folder its pair of streams on a fresh connection. */
  attach(link: Link, attempt: number): void {
    this.#link = link
    for (const { folder, session } of this.#open) {
      session.attach(link.openSync({ folder: folder.remote, session: session.id, attempt, fence: this.#fence }))
    }
  }

  detach(): void {
    this.#link = null
    for (const { session } of this.#open) session.detach()
  }

  /**
   * Resolves when all that was written on either side before the call is on the other, in every folder. Throws `state`
   * where an end cannot take something in.
   */
  async flush(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#open.map(({ session }) => session.flush(signal)))
    refuseAny(this.#notTakenIn())
  }

  /** Resolves when all that was written in the pod before the call is here. Throws `state` where some cannot be. */
  async fetch(signal: AbortSignal): Promise<void> {
    const open = this.#open.filter(({ session }) => session.status().firstSyncSeconds !== undefined)
    await Promise.all(open.map(({ session }) => session.fetch(signal)))
    this.#refuseNotTakenIn()
  }

  /** As {@link fetch}, where the connection is fresh and nothing was compared yet. Throws `sync-halted`, too. */
  async fetchLast(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#open.map(async ({ folder, session }) => {
        await this.#live(folder, session, signal)
        await session.fetch(signal)
      }),
    )
    this.#refuseNotTakenIn()
  }

  /** Content of the pod that the laptop cannot take in. */
  #refuseNotTakenIn(): void {
    refuseAny(this.#notTakenIn().filter(isPodsWork))
  }

  #notTakenIn(): SyncProblem[] {
    const problems = this.#open.flatMap(({ session }) => session.status().problems)
    return problems.filter(({ code, isUnmade, isUnread }) => code === notTakenInCode || isUnmade || isUnread)
  }

  /**
   * After an attach: resolves when both ends of every folder have looked at each other and are in step; reports the
   * transfer meanwhile. Throws `sync-halted` where one stops to protect files.
   */
  async awaitInStep(signal: AbortSignal, report: (event: UiEvent) => void): Promise<void> {
    const stop = this.#showTransfer(report)
    try {
      await Promise.all(
        this.#open.map(async ({ folder, session }) => {
          await this.#live(folder, session, signal)
          await session.flush(signal)
          await this.#counted(folder, session, signal)
        }),
      )
    } finally {
      stop()
    }
  }

  sources(): FolderSource[] {
    return this.#open.map(({ folder, session }) => ({
      local: folder.local,
      remote: folder.remote,
      mode: folder.mode,
      status: session.status(),
    }))
  }

  close(): void {
    for (const { session } of this.#open) session.close()
  }

  /** Resolves when the other end has answered; until then there is nothing that a flush could go through. */
  #live(folder: SyncFolder, session: SyncSession, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        this.#listeners.delete(listen)
        signal.removeEventListener('abort', abort)
        how()
      }
      const abort = () => settle(() => reject(signal.reason))
      const listen = (of: SyncFolder, event: SyncEvent) => {
        if (of !== folder) return
        if (event.type === 'halted') settle(() => reject(halted(folder, event.reason, event.hint)))
        if (event.type === 'problem' && event.problem.code === unusableCode) {
          settle(() => reject(unusable(folder, event.problem.message)))
        }
        if (event.type === 'state' && LIVE.includes(event.state)) settle(resolve)
      }
      if (signal.aborted) return reject(signal.reason)
      if (LIVE.includes(session.status().state)) return resolve()
      this.#listeners.add(listen)
      signal.addEventListener('abort', abort)
    })
  }

  /**
   * What was flushed is in step; that the session has said so is worth a moment, or the line comes after what follows
   * from it. In a folder that never rests it may take longer than that.
   */
  #counted(folder: SyncFolder, session: SyncSession, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const settle = () => {
        cancel()
        this.#listeners.delete(listen)
        signal.removeEventListener('abort', settle)
        resolve()
      }
      const listen = (of: SyncFolder) => {
        if (of === folder && session.status().state !== 'first-sync') settle()
      }
      const cancel = this.#timers.after(COUNTED_PATIENCE_MS, settle)
      this.#listeners.add(listen)
      signal.addEventListener('abort', settle)
      listen(folder)
    })
  }

  #showTransfer(report: (event: UiEvent) => void): () => void {
    let cancel = () => {}
    const rate = new TransferRate(this.#clock.monotonic())
    const beat = () => {
      cancel = this.#timers.after(PROGRESS_INTERVAL_MS, () => {
        const transfer = this.#transfer()
        const measured = rate.measure(transfer, this.#clock.monotonic())
        if (transfer.totalFiles > 0) report({ type: 'transfer', transfer: { ...transfer, ...measured } })
        beat()
      })
    }
    beat()
    return () => cancel()
  }

  #transfer(): Omit<Transfer, 'bytesPerSecond' | 'secondsLeft'> {
    const total: Omit<Transfer, 'bytesPerSecond' | 'secondsLeft'> = {
      doneBytes: 0,
      totalBytes: 0,
      doneFiles: 0,
      totalFiles: 0,
    }
    for (const { folder, session } of this.#open) {
      const { transfer } = session.status()
      if (!transfer) continue
      total.doneBytes += transfer.doneBytes
      total.totalBytes += transfer.totalBytes
      total.doneFiles += transfer.doneFiles
      total.totalFiles += transfer.totalFiles
      if (transfer.path !== undefined) total.path ??= `${folder.remote}/${transfer.path}`
    }
    return total
  }
}

function unusable(folder: SyncFolder, message: string): UserError {
  return new UserError('sync-halted', `the dev pod cannot sync ${folder.remote}: ${message}`, {
    hint:
      'the dev container must be able to write there: `securityContext` in the manifest says who its user is, and whether ' +
      'its root is read-only (`readOnlyRootFilesystem`); a folder of `volumes` can be written to',
  })
}

function halted(folder: SyncFolder, reason: string, hint: string): UserError {
  return new UserError('sync-halted', `sync of ${folder.remote} stopped: ${reason}`, { hint })
}

/** The pod wrote it, and the laptop could not take it in or make it, or the pod could not read it. */
function isPodsWork({ side, code, isUnread }: SyncProblem): boolean {
  return isUnread === true || (side === 'pod') === (code === notTakenInCode)
}

function refuseAny(left: SyncProblem[]): void {
  const [first, ...others] = left
  if (first === undefined) return
  const more = others.length > 0 ? `, and ${others.length} more` : ''
  const hint = [
    ...others.slice(0, NAMED_MAX - 1).map(problem => problemText(problem)),
    ...(left.length > NAMED_MAX ? [`… ${left.length - NAMED_MAX} more: podswap status --json`] : []),
    cureOf(first) ?? 'it is tried again until it can be, or is removed there',
  ].join('\n')
  throw new UserError('state', `not all is in step: ${problemText(first)}${more}`, { hint })
}

import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { SecretFile, SyncFolder } from '../manifest/manifest.ts'
import { asUserError } from './as-user-error.ts'
import { DevCommand, type DevCommandOptions } from './dev-command.ts'
import type { Link } from './link.ts'
import type { AppliedSwap, Report, SessionParts } from './parts.ts'
import { SecretFiles } from './secret-files.ts'
import type { PodRef } from './session-state.ts'
import type { FolderSource } from './status-report.ts'
import { SyncFolders } from './sync-folders.ts'

/** Ending another command, which may be stubborn, and starting this one. */
const COMMAND_TIMEOUT_MS = 35_000

/** What a session does in its pod, over connections that come and go: the synced folders, then the command. */
export class PodWork {
  readonly #parts: SessionParts
  readonly #report: Report
  readonly #wanted: SyncFolder[]
  readonly #command: DevCommand
  readonly #secrets: SecretFiles
  #folders: SyncFolders | null = null
  #runIsSame = false

  constructor(
    parts: SessionParts,
    of: { sync: SyncFolder[]; secrets?: SecretFile[]; command: DevCommandOptions },
    report: Report,
  ) {
    this.#parts = parts
    this.#report = report
    this.#wanted = of.sync
    this.#command = new DevCommand(of.command)
    this.#secrets = new SecretFiles(of.secrets ?? [], parts.timers, report)
  }

  /** The command is the run that was there before the connection was lost. */
  get runIsSame(): boolean {
    return this.#runIsSame
  }

  get sources(): FolderSource[] {
    return this.#folders?.sources() ?? []
  }

  /** Runs this one; null: whatever runs in the pod already. */
  keepCommand(argv: string[] | null): void {
    this.#command.keep(argv)
  }

  /** From here on the folders live, as long as the session does. */
  openFolders(swap: AppliedSwap): void {
    this.#folders ??= new SyncFolders(this.#parts, this.#wanted, swap, this.#report)
  }

  /**
   * Resolves with true when the folders are in step; false where the connection went before. `wasReady`: it has run, so a
   * halt is for the person to look at (status says it), not the end of everything else.
   */
  async sync(link: Link, attempt: number, wasReady: boolean): Promise<boolean> {
    if (!this.#folders) return false
    this.#folders.attach(link, attempt)
    try {
      await this.#folders.awaitInStep(link.signal, wasReady ? () => {} : this.#report)
    } catch (error) {
      const isHalt = asUserError(error).code === 'sync-halted'
      // the connection may have gone with it
      if (!wasReady && isHalt) throw error
      if (link.signal.aborted) return false
      if (!isHalt) throw error
    }
    return true
  }

  /** Resolves with true when the command was started, now or before; false where the connection went. */
  async start(link: Link, pod: PodRef, wasReady: boolean): Promise<boolean> {
    try {
      using late = deadline(this.#parts.timers, COMMAND_TIMEOUT_MS, link.signal)
      await this.#secrets.ensure(link, pod, { isLate: wasReady, signal: late.signal })
      this.#secrets.follow(link, pod)
      const { started, seen, replaced } = await this.#command.ensure(link.agent, pod, late.signal)
      this.#runIsSame = seen
      const command = this.#command.argv ?? []
      const anew = wasReady && started
      const how = { already: !started, ...(replaced && { replaced }), ...(anew && { anew }) }
      if (!seen) this.#report({ type: 'command-started', command, ...how })
      return true
    } catch (error) {
      if (link.signal.aborted) return false
      if (!wasReady) throw error
      // It had worked before: a fresh connection tries once more.
      link.close()
      return false
    }
  }

  /** Throws `not-found` while there is no sync yet, and what the sync session says. */
  async flush(signal: AbortSignal): Promise<void> {
    if (!this.#folders) throw new UserError('not-found', 'sync has not started yet')
    await this.#folders.flush(signal)
  }

  /** What was written in the pod comes here; nothing where there is no sync yet. Throws what the sync session says. */
  async fetch(signal: AbortSignal): Promise<void> {
    await this.#folders?.fetch(signal)
  }

  detach(): void {
    this.#folders?.detach()
  }

  close(): void {
    this.#folders?.close()
  }
}

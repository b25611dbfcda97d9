import type { Clock } from '../../base/clock.ts'
import type { SyncMessage } from '../../wire/sync-message.ts'
import { JournalError, type JournalRecord } from './journal.ts'

/** How soon the journal is tried again where it cannot be written, in ms. */
const unkeptRetryMs = 1_000

export interface OutboxOptions {
  clock: Clock
  send(message: SyncMessage): void
  /** Makes records durable; laptop only. @throws JournalError */
  keep?: ((records: JournalRecord[]) => void) | undefined
  /** The journal cannot be written, with the system's code; with `''`: it can, again. */
  unkept(code: string): void
}

/**
 * Decisions and journal records of one step: they are collected and leave together, records first, so that nothing is sent
 * that a crash could make us forget.
 */
export class Outbox {
  private readonly options: OutboxOptions
  private records: JournalRecord[] = []
  private messages: SyncMessage[] = []
  /** The journal cannot be written: with the system's code, and when it is tried again. */
  private unkept: { code: string; retryAtMs: number } | undefined

  constructor(options: OutboxOptions) {
    this.options = options
  }

  record(record: JournalRecord): void {
    if (this.options.keep !== undefined) this.records.push(record)
  }

  add(message: SyncMessage): void {
    this.messages.push(message)
  }

  /** Makes durable what was recorded, then lets the messages go; where it cannot be made so, both wait, and it is told. */
  commit(): void {
    if (!this.keepRecords() || this.messages.length === 0) return
    const messages = this.messages
    this.messages = []
    for (const message of messages) this.options.send(message)
  }

  private keepRecords(): boolean {
    if (this.records.length === 0) return true
    const nowMs = this.options.clock.monotonic()
    if (this.unkept !== undefined && nowMs < this.unkept.retryAtMs) return false
    try {
      this.options.keep!(this.records)
    } catch (error) {
      if (!(error instanceof JournalError)) throw error
      const isNews = this.unkept?.code !== error.code
      this.unkept = { code: error.code, retryAtMs: nowMs + unkeptRetryMs }
      if (isNews) this.options.unkept(error.code)
      return false
    }
    this.records = []
    if (this.unkept !== undefined) this.options.unkept('')
    this.unkept = undefined
    return true
  }

  /** When the journal is tried again; monotonic ms. */
  due(): number {
    return this.unkept?.retryAtMs ?? Number.POSITIVE_INFINITY
  }

  /** The connection has ended. What is on record stays to be kept. */
  dropMessages(): void {
    this.messages = []
  }
}

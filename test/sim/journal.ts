import { systemError } from '../../syncer/disk/system-error.ts'

/** Durable records of the laptop, as a peer under simulation sees them. Each call is one step: done, or not begun. */
export interface Journal<R> {
  load(): R[]
  append(...records: R[]): void
  /** What was appended survives a power cut from now on; without it, it survives only the end of the process. */
  sync(): void
}

/** The records live longer than the process that writes them. */
export class MemoryJournal<R> implements Journal<R> {
  /** Called before each step; may throw, as the death of the process. */
  before: (() => void) | undefined
  /** There is no room for more. */
  isFull = false
  #records: R[] = []
  #synced = 0

  load(): R[] {
    return this.#records.slice()
  }

  append(...records: R[]): void {
    this.before?.()
    if (this.isFull) throw systemError('ENOSPC', 'the journal')
    this.#records.push(...records)
  }

  sync(): void {
    this.before?.()
    this.#synced = this.#records.length
  }

  /** @param choose returns a whole number from 0 to its argument (inclusive): how many unsynced records stay */
  cutPower(choose: (max: number) => number): void {
    this.#records.length = this.#synced + choose(this.#records.length - this.#synced)
    this.#synced = this.#records.length
  }

  /** A backup, and its return. */
  snapshot(): R[] {
    return this.#records.slice()
  }

  restore(snapshot: R[]): void {
    this.#records = snapshot.slice()
    this.#synced = snapshot.length
  }
}

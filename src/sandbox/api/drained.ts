import type { EventEmitter } from 'node:events'

/** Waits until a stream that took too much takes more, or is closed. */
export function drained(target: EventEmitter): Promise<void> {
  return new Promise(resolve => {
    const settle = () => {
      target.removeListener('drain', settle)
      target.removeListener('close', settle)
      resolve()
    }
    target.once('drain', settle)
    target.once('close', settle)
  })
}

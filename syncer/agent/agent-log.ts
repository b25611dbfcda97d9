import { appendFileSync, renameSync, statSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'

const fileBytesMax = 1024 * 1024
const lineCharsMax = 4_096

/** What the agent did, for a person who looks for a cause: one line each, at most two files of 1 MiB. */
export class AgentLog {
  readonly path: string
  private readonly clock: Clock
  private sizeBytes: number

  constructor(path: string, clock: Clock) {
    this.path = path
    this.clock = clock
    this.sizeBytes = sizeOf(path)
  }

  write(text: string): void {
    const line = `${new Date(this.clock.now()).toISOString()} ${text.replaceAll('\n', ' ').slice(0, lineCharsMax)}\n`
    try {
      if (this.sizeBytes + line.length > fileBytesMax) {
        renameSync(this.path, `${this.path}.1`)
        this.sizeBytes = 0
      }
      appendFileSync(this.path, line, { mode: 0o600 })
      this.sizeBytes += Buffer.byteLength(line)
    } catch {
      // a full disk must not end the agent
    }
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0
  }
}

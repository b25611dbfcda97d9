import { readIfThere, writeWhole } from '../pod/pod-files.ts'
import { startTicks } from './process-group.ts'

/** What is known of the dev command on disk, so that it outlives the agent. */
export interface CommandRecord {
  /** Of the process that holds its terminal. */
  pid: number
  /** {@link startTicks} of that process; the number alone may be somebody else's by now. */
  startTicks: number
  startedAtMs: number
  /** Absent where an older agent started it. */
  argv?: string[]
  cwd?: string
}

/** undefined where there is none, or none that can be read. */
export function readCommandRecord(file: string): CommandRecord | undefined {
  try {
    const record: Partial<CommandRecord> = JSON.parse(readIfThere(file)?.toString() ?? '{}')
    const { pid, startTicks, startedAtMs, argv, cwd } = record
    if (typeof pid !== 'number' || typeof startTicks !== 'number' || typeof startedAtMs !== 'number') return undefined
    return {
      pid,
      startTicks,
      startedAtMs,
      ...(Array.isArray(argv) && { argv: argv.map(String) }),
      ...(typeof cwd === 'string' && { cwd }),
    }
  } catch {
    return undefined
  }
}

export function writeCommandRecord(file: string, record: CommandRecord): void {
  writeWhole(file, JSON.stringify(record))
}

export function isRunning(record: CommandRecord): boolean {
  return startTicks(record.pid) === record.startTicks
}

/** What `init pty` leaves behind: the exit code, undefined where it came to no such end. */
export function readExitCode(socket: string): number | undefined {
  const text = readIfThere(`${socket}.exit`)?.toString().trim()
  return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : undefined
}

/** What the program printed last, where nobody had read it. */
export function readLastOutput(socket: string): Buffer {
  return readIfThere(`${socket}.out`) ?? Buffer.alloc(0)
}

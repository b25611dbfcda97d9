// Runs beside the sandbox, in a session of its own, and outlives it by a moment: when the sandbox's process has gone
// without a word, by whatever way, this ends every process of its pods and removes its folder.
//
//   watchdog MARK FOLDER    stdin: `+PID`, `-PID` (started, ended), and `done` before a clean end; a line each
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { killProcesses } from '../process-tree.ts'

async function main(mark: string, folder: string): Promise<void> {
  const roots = new Set<number>()
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'done') return
    if (line.startsWith('+')) roots.add(Number(line.slice(1)))
    else roots.delete(Number(line.slice(1)))
  }
  await killProcesses(mark, roots)
  rmSync(folder, { recursive: true, force: true })
}

// what ends the sandbox by the terminal or the session must not end this
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
void main(process.argv[2]!, process.argv[3]!)

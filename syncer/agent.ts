import { basename } from 'node:path'
import { agentFiles, homeOfBundle } from './agent/agent-context.ts'
import { Daemon } from './agent/daemon.ts'
import { containerEnvironment } from './agent/environment.ts'
import type { SyncHost } from './agent/sync-host.ts'
import { systemClock, systemTimers } from './base/clock.ts'

/** What the container's first process passes on, and what would otherwise open Node's inspector (SIGUSR1). */
const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

const syncHost: SyncHost = {
  openLane: (_request, stream) => stream.destroy(Object.assign(new Error('no sync host'), { code: 'no-sync-host' })),
  close: () => {},
}

/** Runs until the process ends. This file is loaded by boot.cjs from the private folder, as `<sha256>.cjs`. */
function main(): void {
  const daemon = new Daemon({
    files: agentFiles(homeOfBundle(__filename)),
    bundle: basename(__filename, '.cjs'),
    environment: containerEnvironment(),
    syncHost,
    clock: systemClock,
    timers: systemTimers,
    exit: code => process.exit(code),
  })
  for (const signal of endingSignals) {
    process.on(signal, () => void daemon.close(signal).then(() => process.exit(0)))
  }
  process.on('uncaughtException', error => daemon.crash(error))
  daemon.start().catch(error => daemon.crash(error))
}

main()

import { basename } from 'node:path'
import { agentFiles, homeOfBundle } from './agent/agent-context.ts'
import { Daemon } from './agent/daemon.ts'
import { containerEnvironment } from './agent/environment.ts'
import { WatchedInodes } from './agent/watched-inodes.ts'
import { markBeginning, workBeganNs } from './agent/work-began.ts'
import { systemClock, systemTimers } from './base/clock.ts'
import { readMountinfo } from './disk/mounts.ts'
import { NameExchange } from './disk/name-exchange.ts'
import { PodRoot } from './pod/pod-root.ts'
import { PodSyncHost } from './session/sync-host.ts'

/** What the container's first process passes on, and what would otherwise open Node's inspector (SIGUSR1). */
const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/** Runs until the process ends. This file is loaded by boot.cjs from the private folder, as `<sha256>.cjs`. */
function main(): void {
  const root = PodRoot.of(process.env)
  const watched = new WatchedInodes(systemClock)
  const files = agentFiles(homeOfBundle(__filename))
  markBeginning(files.began)
  const daemon = new Daemon({
    root,
    files,
    bundle: basename(__filename, '.cjs'),
    environment: containerEnvironment(),
    syncHost: log =>
      new PodSyncHost(log, {
        readMountinfo: () => Buffer.concat([readMountinfo(), root.mountinfo()]),
        beganNs: folder =>
          workBeganNs(folder, {
            began: files.began,
            root: root.path('/'),
            pid: process.ppid,
            nowMs: systemClock.now(),
            uptimeMs: process.uptime() * 1_000,
          }),
        isWatched: watched.has.bind(watched),
        names: new NameExchange({ init: files.init, clock: systemClock, log }),
      }),
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

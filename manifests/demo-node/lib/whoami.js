import { hostname } from 'node:os'

const startedAt = new Date().toISOString()

/** Which process answers: a restart shows in `pid` and `startedAt`, another pod in `hostname`. */
export function whoami() {
  return { hostname: hostname(), pid: process.pid, uid: process.getuid?.(), node: process.version, startedAt }
}

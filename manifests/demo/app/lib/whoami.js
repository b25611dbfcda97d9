import { hostname } from 'node:os'

const startedAt = new Date().toISOString()
const { RELEASE: release = '', GREETING: greeting = '' } = process.env

/** Which process answers: a restart shows in `pid` and `startedAt`, another pod in `hostname`. */
export function whoami() {
  return {
    hostname: hostname(),
    pid: process.pid,
    node: process.version,
    startedAt,
    release,
    greeting,
  }
}

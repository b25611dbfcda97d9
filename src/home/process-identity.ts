import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Tells one process from a later one that got the same number: when it started, as the system words it. `null` where
 * there is no such process, `undefined` where the system does not say.
 */
export function processStart(pid: number, platform: NodeJS.Platform = process.platform): string | null | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null
  if (!isAlive(pid)) return null
  if (platform === 'linux') return linuxStart(pid)
  if (platform === 'win32') return undefined
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5_000,
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return text === '' ? null : text
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: there is one, and it is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function linuxStart(pid: number): string | null | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name (field 2) may hold blanks and brackets; what follows its last bracket starts with field 3 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z') return null
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${fields[19]}`
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : undefined
  }
}

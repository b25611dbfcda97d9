import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'

export interface PortHolder {
  pid: number
  /** Its command line, shortened. */
  command: string
}

const commandCharsMax = 80
const lsofTimeoutMs = 2_000
const listening = '0A'

/** Which process listens on a TCP port of this machine; undefined where that cannot be told (not ours, or not there). */
export function findPortHolder(port: number): Promise<PortHolder | undefined> {
  return process.platform === 'linux' ? findInProc(port) : askLsof(port)
}

/** For people: `node server.js (process 4711)`. */
export function describeHolder({ pid, command }: PortHolder): string {
  return `${command} (process ${pid})`
}

async function findInProc(port: number): Promise<PortHolder | undefined> {
  const tables = await Promise.all(['tcp', 'tcp6'].map(name => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')))
  const inodes = new Set(tables.flatMap(table => listeningInodes(table, port)))
  if (inodes.size === 0) return undefined
  for (const name of await readdir('/proc')) {
    if (/^\d+$/.test(name) && (await holdsSocket(name, inodes))) {
      return { pid: Number(name), command: await commandOf(name) }
    }
  }
  return undefined
}

/** See proc_net_tcp in the kernel's documentation: `sl local_address rem_address st … inode`, addresses in hex. */
function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap(line => {
    const fields = line.trim().split(/\s+/)
    const isIt = fields[1]?.endsWith(suffix) && fields[3] === listening
    return isIt && fields[9] ? [fields[9]] : []
  })
}

/** False for processes of other people, whose open files cannot be seen. */
async function holdsSocket(pid: string, inodes: Set<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
    if (inode && inodes.has(inode)) return true
  }
  return false
}

async function commandOf(pid: string): Promise<string> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return shorten(commandLine.replaceAll('\0', ' ').trim() || 'a process')
}

function askLsof(port: number): Promise<PortHolder | undefined> {
  const fields = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']
  return new Promise(resolve => {
    execFile('lsof', fields, { timeout: lsofTimeoutMs }, (_error, output) => resolve(parseLsof(output)))
  })
}

/** Output of `lsof -Fpc`: a line `p<pid>`, then a line `c<command>`. */
export function parseLsof(output: string): PortHolder | undefined {
  const pid = /^p(\d+)$/m.exec(output)?.[1]
  const command = /^c(.+)$/m.exec(output)?.[1]
  return pid && command ? { pid: Number(pid), command: shorten(command) } : undefined
}

function shorten(command: string): string {
  return command.length > commandCharsMax ? `${command.slice(0, commandCharsMax - 1)}…` : command
}

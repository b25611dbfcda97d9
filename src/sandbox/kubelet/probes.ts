// biome-ignore-all lint/suspicious/noExplicitAny: probes as the API has them, already validated and defaulted
import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { Writable } from 'node:stream'
import type { Timers } from '../../../syncer/base/clock.ts'
import { namedPort } from '../controllers/endpoints.ts'
import type { ContainerRun, PodPlace } from '../pod-runtime.ts'
import type { ApiObject } from '../store/api-object.ts'

export interface ProbeTarget {
  pod: ApiObject
  place: PodPlace
  run: ContainerRun
  timers: Timers
}

/** undefined: it passed. Otherwise why it did not, as the real kubelet says it. */
export async function probeOnce(probe: any, target: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
  const late = new AbortController()
  const cancel = target.timers.after(probe.timeoutSeconds * 1000, () => late.abort(new Error('timed out')))
  const either = AbortSignal.any([signal, late.signal])
  try {
    if (probe.httpGet) return await httpProbe(probe.httpGet, target, either)
    if (probe.tcpSocket) return await tcpProbe(probe.tcpSocket.port, target, either)
    if (probe.exec) return await execProbe(probe.exec.command ?? [], target, either)
    return 'a probe without an action'
  } catch (error) {
    if (late.signal.aborted) return 'context deadline exceeded'
    return error instanceof Error ? error.message : String(error)
  } finally {
    cancel()
  }
}

function portOf(port: number | string, { pod }: ProbeTarget): number {
  const found = typeof port === 'number' ? port : (namedPort(pod, port) ?? Number(port))
  if (!Number.isInteger(found)) throw new Error(`couldn't find port ${port}`)
  return found
}

async function tcpProbe(port: number | string, target: ProbeTarget, signal: AbortSignal): Promise<undefined> {
  const socket = await target.place.dial(portOf(port, target), signal)
  socket.on('error', () => {})
  socket.destroy()
}

async function httpProbe(action: any, target: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
  if (action.scheme !== 'HTTP') throw new Error(`a probe over ${action.scheme} is not served`)
  const port = portOf(action.port, target)
  const socket = await target.place.dial(port, signal)
  try {
    const code = await statusOf(socket, action, `${target.place.ip}:${port}`, signal)
    return code >= 200 && code < 400 ? undefined : `HTTP probe failed with statuscode: ${code}`
  } finally {
    socket.destroy()
  }
}

function statusOf(socket: Duplex, action: any, authority: string, signal: AbortSignal): Promise<number> {
  const headers = Object.fromEntries((action.httpHeaders ?? []).map(({ name, value }: any) => [name, value]))
  return new Promise((resolve, reject) => {
    const asked = request({
      path: action.path,
      headers: { Host: authority, 'User-Agent': 'kube-probe/1.34', Accept: '*/*', Connection: 'close', ...headers },
      createConnection: () => socket as any,
      signal,
    })
    asked.once('error', reject)
    asked.once('response', response => {
      response.on('error', () => {})
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.end()
  })
}

async function execProbe(command: string[], { run }: ProbeTarget, signal: AbortSignal): Promise<string | undefined> {
  let said = ''
  const sink = () =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (said.length < 1024) said += chunk.toString('utf8')
        done()
      },
    })
  const running = await run.exec({ command, stdin: null, stdout: sink(), stderr: sink(), signal })
  const timeout = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  timeout.catch(() => {})
  const { exitCode } = await Promise.race([running.exited, timeout])
  return exitCode === 0 ? undefined : said.slice(0, 1024)
}

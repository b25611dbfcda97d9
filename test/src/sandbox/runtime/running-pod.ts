import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type {
  ClusterNames,
  ContainerRequest,
  ContainerRun,
  PodPlace,
  PodRequest,
  PodVolume,
} from '../../../../src/sandbox/pod-runtime.ts'
import { type ProcessRuntime, startProcessRuntime } from '../../../../src/sandbox/runtime/process-runtime.ts'
import type { RuntimePrograms } from '../../../../src/sandbox/runtime/runtime-programs.ts'

/** A cluster's names as a test sets them. */
export class TestNames implements ClusterNames {
  /** By `name.namespace`. */
  readonly addresses = new Map<string, string[]>()
  /** By `address:port`. */
  readonly routes = new Map<string, { address: string; port: number }[]>()

  lookup(host: string, namespace: string): string[] | null {
    const [name, space = namespace, ...rest] = host.replace(/\.svc(\.cluster\.local)?$/, '').split('.')
    return rest.length > 0 ? null : (this.addresses.get(`${name}.${space}`) ?? null)
  }

  route(address: string, port: number): { address: string; port: number }[] | null {
    return this.routes.get(`${address}:${port}`) ?? null
  }

  /** A Service with one port and one pod behind it. */
  serve(name: string, clusterIp: string, port: number, pod: PodPlace, targetPort: number): void {
    this.addresses.set(name, [clusterIp])
    this.routes.set(`${clusterIp}:${port}`, [{ address: pod.ip, port: targetPort }])
  }
}

export const never = new AbortController().signal

export function podRequest(name: string, more: { volumes?: PodVolume[]; names?: ClusterNames; spec?: object } = {}) {
  const { volumes = [], names = new TestNames(), spec = {} } = more
  const pod = { metadata: { name, namespace: 'team', uid: `uid-${name}` }, spec }
  return { pod, volumes, names } satisfies PodRequest
}

export function container(more: Partial<ContainerRequest> = {}): ContainerRequest {
  return { name: 'main', image: 'node:22', env: {}, mounts: [], restartCount: 0, ...more }
}

/** A container that runs a script with Node. */
export function script(source: string, more: Partial<ContainerRequest> = {}): ContainerRequest {
  return container({ command: ['node', '-e', source], ...more })
}

export async function logOf(run: ContainerRun, tailLines?: number): Promise<string> {
  return text(run.log({ tailLines, follow: false, signal: never }))
}

/** All that a container prints until it ends. */
export async function wholeLog(run: ContainerRun): Promise<string> {
  return text(run.log({ follow: true, signal: never }))
}

/** Resolves when it has printed that, with all that it printed. */
export async function printed(run: ContainerRun, wanted: string | RegExp): Promise<string> {
  let all = ''
  const isThere = () => (typeof wanted === 'string' ? all.includes(wanted) : wanted.test(all))
  for await (const bytes of run.log({ follow: true, signal: AbortSignal.timeout(30_000) })) {
    all += Buffer.from(bytes)
    if (isThere()) return all
  }
  throw new Error(`it ended and had printed only ${JSON.stringify(all)}`)
}

export async function exec(run: ContainerRun, command: string[], input?: string | Readable) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const outputs = Promise.all([buffer(stdout), buffer(stderr)])
  const stdin = input === undefined ? null : typeof input === 'string' ? Readable.from([Buffer.from(input)]) : input
  const running = await run.exec({ command, stdin, stdout, stderr, signal: never })
  const { exitCode } = await running.exited
  const [out, err] = await outputs
  return { exitCode, stdout: out.toString(), stderr: err.toString() }
}

export async function startRuntime(
  programs: RuntimePrograms,
  more: Partial<Parameters<typeof startProcessRuntime>[0]> = {},
): Promise<ProcessRuntime> {
  return startProcessRuntime({ programs, ...more })
}

async function text(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all).toString()
}

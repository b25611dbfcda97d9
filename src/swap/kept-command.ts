import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { Container } from './container.ts'
import { chooseContainer } from './dev-container.ts'
import { titleOf } from './find-workload.ts'
import { podTemplate } from './pod-template.ts'
import { containerStatus } from './pod-trouble.ts'
import { podsOf } from './situation.ts'

/** What a running original says of itself; Linux gives no more than its argument pages. */
const commandLineBytesMax = 256 * 1024
const execTimeoutMs = 15_000

/** A command that is not the manifest's: null where it runs in the dev pod already, which alone knows it. */
export interface KeptCommand {
  argv: string[] | null
}

interface Asked {
  workload: KubeObject
  /** Pods that its selector finds. */
  pods: KubeObject[]
  dev: Dev
  /** It is swapped already. */
  isSwapped: boolean
  signal: AbortSignal
}

/**
 * The command that the original runs: its spec's, else that of its first process. Changes nothing. Fails with `not-found`
 * where neither tells, and with `forbidden` where the process may not be asked.
 */
export async function learnCommand(cluster: Cluster, asked: Asked): Promise<KeptCommand> {
  const { workload, dev, isSwapped } = asked
  const { containers, shareProcessNamespace } = podTemplate(workload).spec
  const container = chooseContainer(containers, dev, titleOf(workload))
  const written = commandOfSpec(container)
  if (written) return { argv: written }
  // with the namespace shared, the first process is Kubernetes' own
  const argv = shareProcessNamespace === true ? undefined : await commandOfProcess(cluster, container.name, asked)
  if (argv) return { argv }
  if (isSwapped) return { argv: null }
  throw noCommand(
    `the own command of ${titleOf(workload)} cannot be told: neither its spec nor a running pod says it`,
    dev,
  )
}

/** The error that asks for a `command`. */
export function noCommand(message: string, { at }: Pick<Dev, 'at'>): UserError {
  return new UserError('not-found', message, {
    at,
    hint: 'write `command` into the manifest and leave --keep-command out; `docker inspect` shows what an image runs',
  })
}

/**
 * `command` and `args` with `$(NAME)` filled in as the kubelet does; undefined where the image's entrypoint is part of it,
 * or a value that stands elsewhere (a Secret).
 */
export function commandOfSpec({ command, args = [], env = [] }: Container): string[] | undefined {
  if (!command || command.length === 0) return undefined
  const values = new Map(env.map(({ name, value }) => [name, value]))
  const words = [...command, ...args].map(word => fillIn(word, values))
  return words.every(word => word !== undefined) ? words : undefined
}

function fillIn(word: string, values: ReadonlyMap<string, string | undefined>): string | undefined {
  let isWhole = true
  const filled = word.replace(/\$\$|\$\(([A-Za-z_][\w.-]*)\)/g, (text, name?: string) => {
    if (name === undefined) return '$'
    const value = values.get(name)
    if (value === undefined || value.includes('$(')) isWhole = false
    return value ?? text
  })
  return isWhole ? filled : undefined
}

async function commandOfProcess(
  cluster: Cluster,
  container: string,
  { workload, pods, signal }: Asked,
): Promise<string[] | undefined> {
  const own = await podsOf(cluster, workload, pods, signal)
  const pod = own.find(each => !each.metadata.deletionTimestamp && containerStatus(each, container)?.state?.running)
  if (!pod) return undefined
  using limit = deadline(systemTimers, execTimeoutMs, signal)
  const text = await readInPod(cluster, { pod: pod.metadata.name ?? '', container }, limit.signal)
  signal.throwIfAborted()
  return text === undefined ? undefined : commandOfProc(text)
}

/** The words of `/proc/1/cmdline`; undefined where a program has put a title of its own there (`nginx: master …`). */
export function commandOfProc(text: string): string[] | undefined {
  const words = text.replace(/\0+$/, '').split('\0')
  const [first = ''] = words
  const isTitle = words.length === 1 && /\s/.test(first)
  return first === '' || isTitle ? undefined : words
}

/** undefined where it cannot be read: no `cat` there, or another user's process. */
async function readInPod(
  cluster: Cluster,
  where: { pod: string; container: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { io, exit } = await cluster.exec({ ...where, command: ['cat', '/proc/1/cmdline'], signal })
    const chunks: Buffer[] = []
    let size = 0
    io.on('error', () => {})
    io.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > commandLineBytesMax) io.destroy()
      else chunks.push(chunk)
    })
    const { code } = await exit
    io.destroy()
    return code === 0 ? Buffer.concat(chunks).toString() : undefined
  } catch (error) {
    if (error instanceof UserError && error.code === 'forbidden') throw error
    return undefined
  }
}

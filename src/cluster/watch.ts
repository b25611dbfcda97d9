import { systemTimers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { pause } from '../../syncer/base/pause.ts'
import { ClusterError, type KubeObject, type WatchEvent } from './cluster.ts'

/** Where the objects come from; fails with the codes of the `Cluster` port. */
export interface WatchSource {
  list(): Promise<{ items: KubeObject[]; resourceVersion: string }>
  /** The chunks of a watch from this version on; ends when the server closes it. */
  open(resourceVersion: string): Promise<WatchStream>
}

export type WatchStream = AsyncIterable<Buffer> & { destroy(): void }

export interface WatchLoopOptions {
  signal: AbortSignal
  listed?: () => void
  /** In [0, 1): spreads the reconnects of many clients. */
  random: () => number
  /** No event and no bookmark (the API server sends one each minute) for so long: the connection is dead. */
  silenceMsMax: number
}

/** An object is at most 1.5 MiB in etcd; as JSON, and with its managed fields, still far from this. */
const lineBytesMax = 16 * 1024 * 1024
const backoffMsMax = 15_000

type Line = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'; object: KubeObject }

/**
 * The loop behind {@link Cluster.watch}: list, watch, again from the last version where the stream ends, again from a
 * list where that version is gone. Each object's every new version is told once.
 */
export async function watchLoop(
  source: WatchSource,
  options: WatchLoopOptions,
  on: (event: WatchEvent) => void,
): Promise<void> {
  const { signal } = options
  const known = new Map<string, KubeObject>()
  let version: string | undefined
  let failures = 0
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const listed = await source.list()
        if (signal.aborted) return
        tellList(known, listed.items, on)
        tell(() => options.listed?.())
        version = listed.resourceVersion
      }
      // a stream that ends before it said anything counts as a failure, so that it is not opened in a tight loop
      failures += 1
      for await (const line of readLines(await source.open(version), options.silenceMsMax)) {
        if (signal.aborted) return
        failures = 0
        version = line.object.metadata?.resourceVersion ?? version
        tellLine(known, line, on)
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof ListenerError) throw error.cause
      if (isExpired(error)) version = undefined
      else if (isFinal(error)) throw error
      failures = Math.max(1, failures)
    }
    const backoffMs = failures === 0 ? 50 : Math.min(backoffMsMax, 100 * 2 ** failures)
    await pause(systemTimers, backoffMs * (0.5 + options.random() / 2), signal)
  }
}

/** What the caller's own listener threw is no fault of the connection. */
class ListenerError extends Error {}

function tell(listener: () => void): void {
  try {
    listener()
  } catch (error) {
    throw new ListenerError('listener', { cause: error })
  }
}

function tellList(known: Map<string, KubeObject>, items: KubeObject[], on: (event: WatchEvent) => void): void {
  const gone = new Map(known)
  for (const object of items) {
    const key = keyOf(object)
    const before = known.get(key)
    gone.delete(key)
    known.set(key, object)
    if (before?.metadata.resourceVersion === object.metadata.resourceVersion) continue
    tell(() => on({ type: before ? 'MODIFIED' : 'ADDED', object }))
  }
  for (const [key, object] of gone) {
    known.delete(key)
    tell(() => on({ type: 'DELETED', object }))
  }
}

function tellLine(known: Map<string, KubeObject>, line: Line, on: (event: WatchEvent) => void): void {
  if (line.type === 'BOOKMARK') return
  if (line.type === 'ERROR')
    throw errorOf(line.object as unknown as { code?: number; reason?: string; message?: string })
  if (line.type === 'DELETED') known.delete(keyOf(line.object))
  else known.set(keyOf(line.object), line.object)
  const { type, object } = line
  tell(() => on({ type, object }))
}

/** An object made anew under an old name is another object. */
function keyOf(object: KubeObject): string {
  return `${object.metadata.name} ${object.metadata.uid}`
}

function errorOf(status: { code?: number; reason?: string; message?: string }): UserError {
  const cause = new ClusterError(status.code ?? 500, status.reason ?? '', status.message ?? 'the watch failed')
  return new UserError(cause.status === 403 ? 'forbidden' : 'unreachable', cause.message, { cause })
}

function isExpired(error: unknown): boolean {
  return error instanceof UserError && error.cause instanceof ClusterError && error.cause.status === 410
}

/** Everything but a fault of the network or the server: asking again would get the same answer. */
function isFinal(error: unknown): boolean {
  return error instanceof UserError && !['unreachable', 'timeout', 'conflict'].includes(error.code)
}

/** One JSON document a line. Ends with the stream; fails on a line too long or not JSON, and on silence. */
async function* readLines(chunks: WatchStream, silenceMsMax: number): AsyncGenerator<Line> {
  let parts: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of notSilent(chunks, silenceMsMax)) {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      parts.push(chunk.subarray(start, end))
      const text = Buffer.concat(parts).toString('utf8')
      parts = []
      sizeBytes = 0
      start = end + 1
      if (text.trim() !== '') yield JSON.parse(text) as Line
    }
    parts.push(chunk.subarray(start))
    sizeBytes += chunk.length - start
    if (sizeBytes > lineBytesMax) throw new Error(`a watch event is longer than ${lineBytesMax} bytes`)
  }
}

async function* notSilent(chunks: WatchStream, silenceMsMax: number): AsyncGenerator<Buffer> {
  const iterator = chunks[Symbol.asyncIterator]()
  let timer: NodeJS.Timeout | undefined
  try {
    for (;;) {
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error('the watch went silent')), silenceMsMax)
      })
      const next = await Promise.race([iterator.next(), silence])
      clearTimeout(timer)
      if (next.done) return
      yield next.value
    }
  } finally {
    clearTimeout(timer)
    chunks.destroy()
  }
}

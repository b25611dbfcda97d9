import type { ServerResponse } from 'node:http'
import type { Timers } from '../../../syncer/base/clock.ts'
import { ApiError, notServed } from '../store/api-error.ts'
import type { ApiObject } from '../store/api-object.ts'
import type { Change, ObjectStore } from '../store/object-store.ts'
import { groupVersionOf, type ResourceType } from '../store/resource-types.ts'
import type { Matcher } from '../store/selectors.ts'
import type { Call, Stream } from './call.ts'
import { matcherOf, readVersion } from './read-objects.ts'

export interface WatchTimes {
  timers: Timers
  /** A bookmark this often, where they are asked for. */
  bookmarkMs: number
}

/** What a reader may leave unread; then the connection is cut, and it has to list again. */
const unsentBytesMax = 16 * 1024 * 1024
const defaultSeconds = 1_800

/** Each change since a version as a line of JSON, until the time is over or the connection gone. */
export function watchObjects(call: Call, times: WatchTimes): Stream {
  const { type, query, registry, path } = call
  if (query.get('sendInitialEvents')) throw notServed('the parameter sendInitialEvents')
  const watch = new Watch(type, registry.store, {
    namespace: type.namespaced ? path.namespace : '',
    matches: named(matcherOf(type, query), path.name),
    from: readVersion(query) ?? 0,
    bookmarks: query.get('allowWatchBookmarks') === 'true',
    seconds: Number(query.get('timeoutSeconds')) || defaultSeconds,
  })
  return response => watch.run(response, times)
}

function named(matches: Matcher, name: string): Matcher {
  return name === '' ? matches : object => object.metadata.name === name && matches(object)
}

interface WatchRequest {
  namespace: string
  matches: Matcher
  /** 0: begins with what is there. */
  from: number
  bookmarks: boolean
  seconds: number
}

class Watch {
  readonly #type: ResourceType
  readonly #store: ObjectStore
  readonly #request: WatchRequest

  constructor(type: ResourceType, store: ObjectStore, request: WatchRequest) {
    this.#type = type
    this.#store = store
    this.#request = request
  }

  run(response: ServerResponse, { timers, bookmarkMs }: WatchTimes): void {
    response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' })
    response.flushHeaders()
    const { from, bookmarks, seconds } = this.#request
    const past = from === 0 ? [] : this.#store.since(from)
    if (!past) {
      const message = `too old resource version: ${from} (${this.#store.oldest})`
      this.#send(response, 'ERROR', new ApiError(410, 'Expired', message).status())
      response.end()
      return
    }
    if (from === 0) this.#sendAll(response)
    for (const change of past) this.#tell(response, change)
    const unlisten = this.#store.listen(change => this.#tell(response, change))
    const cancelEnd = timers.after(seconds * 1000, () => response.end())
    let cancelBookmark = () => {}
    const bookmark = () => {
      this.#sendBookmark(response)
      cancelBookmark = timers.after(bookmarkMs, bookmark)
    }
    if (bookmarks) cancelBookmark = timers.after(bookmarkMs, bookmark)
    response.once('close', () => {
      unlisten()
      cancelEnd()
      cancelBookmark()
    })
  }

  #sendAll(response: ServerResponse): void {
    for (const object of this.#store.list(this.#type, this.#request.namespace)) {
      if (this.#request.matches(object)) this.#send(response, 'ADDED', object)
    }
  }

  /** As its selector sees it: what moves in is added, what moves out deleted. */
  #tell(response: ServerResponse, { kind, type, before, object }: Change): void {
    if (kind !== this.#type.kind) return
    const was = before !== undefined && this.#concerns(before)
    const is = type !== 'DELETED' && this.#concerns(object)
    if (is) this.#send(response, was ? 'MODIFIED' : 'ADDED', object)
    else if (was) {
      const { resourceVersion } = object.metadata
      this.#send(response, 'DELETED', { ...before, metadata: { ...before.metadata, resourceVersion } })
    }
  }

  #concerns(object: ApiObject): boolean {
    const { namespace, matches } = this.#request
    return (namespace === '' || object.metadata.namespace === namespace) && matches(object)
  }

  #sendBookmark(response: ServerResponse): void {
    const metadata = { resourceVersion: String(this.#store.version), creationTimestamp: null }
    this.#send(response, 'BOOKMARK', { kind: this.#type.kind, apiVersion: groupVersionOf(this.#type), metadata })
  }

  #send(response: ServerResponse, type: string, object: object): void {
    if (response.writableEnded || response.destroyed) return
    response.write(`${JSON.stringify({ type, object })}\n`)
    if (response.writableLength > unsentBytesMax) response.destroy()
  }
}

import type { Duplex } from 'node:stream'
import type { SyncRequest } from '../wire/services.ts'

/** The pod's end of the sync protocol, as the agent sees it. */
export interface SyncHost {
  /** A lane of a folder's sync; the host owns the stream from now on. It must not throw for what the peer does. */
  openLane(request: SyncRequest, stream: Duplex): void
  /** The agent ends: leave everything so that the next one resumes. */
  close(): void
}

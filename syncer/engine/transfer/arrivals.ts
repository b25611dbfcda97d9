import { ProtocolError } from '../../base/errors.ts'
import type { AssemblyResult } from '../../endpoint/assemblies.ts'
import type { GraftEnd, GraftMember } from '../../wire/change-message.ts'
import type { Build, Content, Early, Fill, Reuse } from '../../wire/content-message.ts'
import type { SyncMessage } from '../../wire/sync-message.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** Content for a PUT that follows it. */
export type Arrival = Content | GraftMember | GraftEnd | Build | Fill | Reuse

const arrivals: ReadonlySet<SyncMessage['type']> = new Set<Arrival['type']>([
  'content',
  'graft',
  'graft-end',
  'build',
  'fill',
  'reuse',
])

/** What travels on the bulk lane, and nothing else does. */
export function isArrival(message: SyncMessage): message is Arrival {
  return arrivals.has(message.type)
}

/** Takes content to the private folder, and says when it is whole: until a PUT takes it, it decides nothing. */
export class Arrivals {
  private readonly x: Exchange

  constructor(exchange: Exchange) {
    this.x = exchange
  }

  take(message: Arrival): void {
    switch (message.type) {
      case 'content':
        this.onContent(message)
        break
      case 'graft':
      case 'graft-end':
        this.onGraft(message)
        break
      default:
        this.onBuild(message)
    }
  }

  /** On the lane of the PUT that may take it: neither waits for an answer. What does not travel is not kept. */
  takeEarly(message: Early): void {
    const { x } = this
    if (!x.live) throw new ProtocolError('content before the agreements')
    if (!x.isDeaf && !x.rules.ignored(message.path, false)) x.replica.early.add(message)
  }

  /** Reads what the other end asks about, while it takes what is told of it. */
  compare(isOver: () => boolean): void {
    const { x } = this
    const { assemblies } = x.replica
    while (assemblies.hasWork && x.writable('control') && !isOver()) {
      const told = assemblies.step()
      if (told !== undefined) x.send('control', { type: 'blocks', ...told })
    }
  }

  private onContent(message: Content): void {
    // It may overtake the agreements, which travel on the other lane.
    const { stage } = this.x.replica
    this.answer(message.id, stage.add(message), stage.failure)
  }

  private onBuild(message: Build | Fill | Reuse): void {
    const { assemblies } = this.x.replica
    const result =
      message.type === 'build'
        ? assemblies.build(message)
        : message.type === 'fill'
          ? assemblies.fill(message)
          : assemblies.reuse(message)
    this.answer(message.id, result, assemblies.failure)
  }

  private answer(id: number, result: AssemblyResult, failure: string): void {
    const { x } = this
    if (result === 'staged') x.send('control', { type: 'staged', id })
    else if (result === 'damaged') x.send('control', { type: 'unstaged', id, reason: result })
    else if (result === 'failed') x.send('control', { type: 'unstaged', id, reason: result, code: failure })
  }

  private onGraft(message: GraftMember | GraftEnd): void {
    const { x } = this
    const { grafts } = x.replica
    if (x.role === 'laptop') throw new ProtocolError('a subtree from the pod')
    const { id } = message
    if (message.type === 'graft') {
      const result = grafts.add(message)
      if (result === 'damaged') x.send('control', { type: 'unstaged', id, reason: 'damaged', path: message.path })
    } else if (grafts.end(id) === 'staged') x.send('control', { type: 'staged', id })
    else x.send('control', { type: 'unstaged', id, reason: 'failed' })
  }
}

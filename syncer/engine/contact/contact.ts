import { ProtocolError } from '../../base/errors.ts'
import { absent, folder, type Token } from '../../core/content.ts'
import { depthOf, type Path, parentOf } from '../../core/path.ts'
import { settle } from '../../core/reconcile.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Bases, Index, Marker } from '../../wire/contact-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { agreementDigest } from './agreement-digest.ts'

const entriesPerMessage = 2_000
/** Paths that the pod may name; more is no folder that a person works in. */
const entriesMax = 5_000_000

/** Which copy of the pod's folder the ancestor is about. */
export interface Incarnation {
  /** The marker that the pod confirmed last. */
  confirmed: Marker | undefined
  /** The marker that was sent and not confirmed. */
  raising: Marker | undefined
}

/**
 * What the pod's marker says about its copy.
 *
 * - `known`  one that we gave it last: the ancestor is about this very copy
 * - `first`  another copy: a new pod, another image, a volume that came back from a snapshot
 * - `behind` ours, but from later than we remember: the laptop's own state came back from a backup
 */
export function judgeMarker(marker: Marker | null, { confirmed, raising }: Incarnation): 'known' | 'first' | 'behind' {
  if (marker === null) return 'first'
  const epochs = [confirmed, raising].filter(own => own?.id === marker.id).map(own => own!.epoch)
  if (epochs.includes(marker.epoch)) return 'known'
  return epochs.length > 0 && epochs.every(epoch => epoch < marker.epoch) ? 'behind' : 'first'
}

/** The pod's half of the first words of a connection: say what stands here, learn what is agreed. */
export class PodContact {
  private readonly x: Exchange
  private indexed = new Map<Path, Token>()
  /** The laptop has the same on record as we. */
  private isShared = false

  constructor(exchange: Exchange) {
    this.x = exchange
  }

  reset(): void {
    this.indexed = new Map()
    this.isShared = false
  }

  /** @param agreed the laptop's digest @returns whether ours is the same */
  compare(agreed: string): boolean {
    this.isShared = agreed !== '' && agreed === agreementDigest(this.x.replica.tree)
    return this.isShared
  }

  sendIndex(): void {
    let entries: Index['entries'] = []
    for (const entry of this.x.replica.tree.walk()) {
      if (this.x.isGone(entry) || (this.isShared && entry.current === entry.agreed)) continue
      this.indexed.set(entry.path, entry.current)
      const base = entry.agreed === absent ? undefined : entry.agreed
      entries.push({ path: entry.path, current: entry.current, base })
      if (entries.length < entriesPerMessage) continue
      this.x.send('control', { type: 'index', entries, last: false })
      entries = []
    }
    this.x.send('control', { type: 'index', entries, last: true })
  }

  /** @returns true when everything is agreed on and changes may flow */
  onBases(message: Bases): boolean {
    const { tree } = this.x.replica
    for (const { path, agreed } of message.entries) {
      this.indexed.delete(path)
      this.x.agree(tree.ensure(path), agreed)
    }
    if (!message.last) return false
    for (const [path, token] of this.indexed) this.x.agree(tree.ensure(path), token)
    this.indexed = new Map()
    return true
  }
}

/** The laptop's half: from the pod's index to an agreement for each path. */
export class LaptopContact {
  private readonly x: Exchange
  private readonly initial: 'mirror' | 'keep'
  private index = new Map<Path, { current: Token; base: Token | undefined }>()
  /** What the index does not name stands in the pod as agreed, and it remembers that. */
  private isShared = false
  complete = false

  constructor(exchange: Exchange, initial: 'mirror' | 'keep') {
    this.x = exchange
    this.initial = initial
  }

  reset(): void {
    this.index = new Map()
    this.isShared = false
    this.complete = false
  }

  onWelcome(agreesWith: boolean): void {
    this.isShared = agreesWith
  }

  onIndex(message: Index): void {
    if (this.complete) throw new ProtocolError('an index after its end')
    for (const { path, current, base } of message.entries) this.index.set(path, { current, base })
    if (this.index.size > entriesMax) throw new ProtocolError('an index without end')
    this.complete = message.last
  }

  /** What the pod has by what both remember. */
  private nameAll(): void {
    if (!this.isShared) return
    this.isShared = false
    for (const entry of this.x.replica.tree.walk()) {
      const { agreed } = entry
      if (agreed === absent) continue
      const path = entry.path
      if (!this.index.has(path)) this.index.set(path, { current: agreed, base: agreed })
    }
  }

  /** The pod has something there. */
  holds(path: Path): boolean {
    return this.index.has(path)
  }

  /** Settles every path. @returns the agreements that the pod must be told */
  settle(copy: ReturnType<typeof judgeMarker>): Bases['entries'] {
    if (copy === 'known') return this.settleKnown()
    this.nameAll()
    // Where the pod's stands always, it offers what differs.
    const isMerged = copy !== 'first' || this.x.policy.mode === 'pull'
    return this.settleFirst(isMerged ? 'merge' : this.initial)
  }

  /** The same, where other rules have made us forget some of it since. */
  unsettled(): Bases['entries'] {
    const { tree } = this.x.replica
    const bases: Bases['entries'] = []
    for (const path of this.index.keys()) if (tree.find(path) === undefined) bases.push({ path, agreed: absent })
    for (const { path, agreed } of tree.walk()) {
      const pod = this.index.get(path)
      // What it does not name the pod remembers as we do, and the rules made it forget the same.
      if (pod === undefined && this.isShared) continue
      if (agreed !== (pod?.current ?? absent)) bases.push({ path, agreed })
    }
    return bases
  }

  sendBases(bases: Bases['entries']): void {
    for (let at = 0; at < bases.length || at === 0; at += entriesPerMessage) {
      const entries = bases.slice(at, at + entriesPerMessage)
      this.x.send('control', { type: 'bases', entries, last: at + entriesPerMessage >= bases.length })
    }
    this.reset()
  }

  private settleKnown(): Bases['entries'] {
    const { x } = this
    const bases: Bases['entries'] = []
    const podRemembers = this.isShared || [...this.index.values()].some(({ base }) => base !== undefined)
    const named = new Set<Entry>()
    const forgotten = new Set<Entry>()
    for (const [path, { current }] of this.index) {
      if (!x.rules.ignored(path, current === folder)) named.add(x.replica.tree.ensure(path))
      else {
        bases.push({ path, agreed: absent })
        // The rules of now came after its index: nothing is agreed of it, whatever else would be concluded.
        const entry = x.replica.tree.find(path)
        if (entry === undefined) continue
        forgotten.add(entry)
        this.forget(entry)
      }
    }
    for (const entry of x.replica.tree.walk()) {
      if (forgotten.has(entry)) continue
      if (this.isShared && !named.has(entry)) {
        // It stands there as agreed: what was sent since was not taken.
        x.unsent(entry)
        continue
      }
      const path = entry.path
      const pod = this.index.get(path)
      if (pod === undefined && x.rules.ignored(path, entry.current === folder || entry.agreed === folder)) {
        // Ignored since the last run: the pod forgot it when it heard the rules, and no scan says what stands here.
        this.forget(entry)
        continue
      }
      const current = pod?.current ?? absent
      const settled = settle({ agreed: entry.agreed, sent: entry.sent, local: entry.current, current, base: pod?.base })
      x.agree(entry, podRemembers ? settled : this.doubt(path, current, settled))
      x.unsent(entry)
      if (entry.agreed !== current) bases.push({ path, agreed: entry.agreed })
    }
    return bases
  }

  private forget(entry: Entry): void {
    this.x.agree(entry, absent)
    this.x.unsent(entry)
    entry.current = absent
    entry.key = null
  }

  /**
   * An agent without memory may stand on a volume that came back from within this epoch. What it holds is then old where
   * we know it, and where a path moved in this epoch and it holds something else nobody knows what that is based on. Nor
   * is anything old where nothing is agreed: rules or a power cut may have made us forget what it holds, the newest of all.
   */
  private doubt(path: Path, current: Token, settled: Token): Token {
    if (current === settled || settled === absent || !this.x.history.moved(path)) return settled
    return this.x.history.has(path, current) ? current : absent
  }

  /**
   * No ancestor for this copy: the laptop wins where both have something, and never loses anything. What only the pod
   * has is taken over with `keep`, removed there with `mirror`. With `merge` nobody wins: what differs is kept twice.
   */
  private settleFirst(initial: 'mirror' | 'keep' | 'merge'): Bases['entries'] {
    const { x } = this
    x.record({ type: 'void' })
    x.history.clear()
    for (const entry of x.replica.tree.walk()) {
      entry.agreed = absent
      entry.sent = undefined
    }
    const bases: Bases['entries'] = []
    const removed: Path[] = []
    for (const [path, { current }] of this.index) {
      if (x.rules.ignored(path, current === folder)) {
        bases.push({ path, agreed: absent })
        continue
      }
      const entry = x.replica.tree.ensure(path)
      const onlyInPod = entry.current === absent && current !== absent
      if (onlyInPod && initial === 'mirror') removed.push(path)
      const agreed = initial === 'merge' || (onlyInPod && initial === 'keep') ? absent : current
      x.agree(entry, agreed)
      if (agreed !== current) bases.push({ path, agreed })
    }
    x.emit({ type: 'first-contact' })
    if (removed.length > 0) x.emit({ type: 'mirror', removed: removed.length, largest: largestFolders(removed) })
    return bases
  }
}

/** The ten folders, at most two names deep, that hold most of the paths. */
function largestFolders(paths: Path[]): { folder: Path; files: number }[] {
  const counts = new Map<Path, number>()
  for (const path of paths) {
    let dir = path
    do dir = parentOf(dir)
    while (depthOf(dir) > 2)
    counts.set(dir, (counts.get(dir) ?? 0) + 1)
  }
  return [...counts]
    .map(([folder, files]) => ({ folder, files }))
    .sort((a, b) => b.files - a.files)
    .slice(0, 10)
}

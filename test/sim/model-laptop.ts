import { absent, folder, hashOf, isFile, type Token } from '../../syncer/core/content.ts'
import type { Path } from '../../syncer/core/path.ts'
import { type Line, ModelEnd, type Put } from './model-end.ts'
import type { Message, Said } from './model-message.ts'
import type { Rule } from './model-rules.ts'
import { type Identity, ModelState } from './model-state.ts'
import type { LaptopPorts } from './subject.ts'

type Index = Extract<Message, { type: 'index' }>
const checkpointMs = 30_000

/** The laptop's end: it owns the ancestors and takes the decisions. */
export class ModelLaptop extends ModelEnd {
  protected override readonly sendsGrafts = true
  readonly #state: ModelState
  readonly #ports: LaptopPorts<Message>
  #index: Index | undefined
  #checkpointAtMs: number

  constructor(ports: LaptopPorts<Message>, without: ReadonlySet<Rule>) {
    super(ports, without)
    this.#ports = ports
    this.#state = new ModelState(ports.journal, ports.bootId, without)
    this.#checkpointAtMs = ports.clock.monotonic() + checkpointMs
    this.#loadLines()
  }

  override connect(): void {
    this.#index = undefined
    super.connect()
  }

  override tick(): void {
    super.tick()
    if (this.clock.monotonic() < this.#checkpointAtMs) return
    this.#checkpointAtMs = this.clock.monotonic() + checkpointMs
    this.#state.checkpoint()
    if (this.live) this.#raiseEpoch()
  }

  override due(): number {
    return Math.min(super.due(), this.#checkpointAtMs)
  }

  override idle(): boolean {
    return super.idle() && this.#index === undefined
  }

  protected greet(): void {
    this.files.recover()
    if (this.#index !== undefined) this.#answerIndex(this.#index)
  }

  protected receiveOther(message: Message): void {
    if (message.type === 'index') {
      this.#index = message
      this.greetAtMs = 0
    } else if (message.type === 'epoch-done') this.#state.setIdentity({ ...this.#state.identity, epoch: message.epoch })
  }

  protected answerPut(put: Put, line: Line, now: Token): 'ack' | 'rej' | 'need' {
    const { path, base, data } = put
    if (this.without.has('apply before log')) this.agree(path, line, data)
    if (now !== data) {
      const bytes = this.bytesOf(put)
      if (bytes === undefined) return 'need'
      const replaces = now === base || (this.without.has('base check') && data !== absent)
      const done = replaces && this.files.replace(path, now, data, bytes)
      // A folder that is not empty counts as an edit of ours, and so does a file where theirs has a folder on the way.
      const ours = now === folder || this.files.isBlocked(path)
      if (replaces && !done && (!ours || this.without.has('full folders win'))) return 'rej'
      if (!done && data !== absent && data !== line.base && !this.#keepBoth({ ...put, bytes }, line, now)) return 'rej'
    }
    this.agree(path, line, data)
    return 'ack'
  }

  protected answerGraft(): never {
    throw new Error('a subtree for the laptop')
  }

  protected agree(path: Path, line: Line, token: Token): void {
    this.#state.agree(path, token)
    line.base = token
  }

  protected aboutToSend(path: Path, _line: Line, token: Token): void {
    this.#state.send(path, token)
  }

  /** Ours keeps the path, if there is something; theirs goes there or beside. */
  #keepBoth(put: Put, line: Line, now: Token): boolean {
    const { path, data, bytes } = put
    if (now === absent && this.files.replace(path, absent, data, bytes)) return true
    const sameBytes = isFile(data) && isFile(now) && hashOf(data) === hashOf(now)
    if (data === folder || sameBytes) return true
    if (this.without.has('copy before ACK')) this.#agreeNow(put, line)
    return this.files.copy(path, data, bytes) || this.without.has('copy before ACK')
  }

  #agreeNow(put: Put, line: Line): void {
    this.agree(put.path, line, put.data)
    this.send({ type: 'ack', seq: put.seq })
  }

  #answerIndex(index: Index): void {
    const said = new Map(index.entries.map(entry => [entry.path, entry]))
    for (const path of this.view.scan('').keys()) this.line(path)
    for (const path of said.keys()) this.line(path)
    const identity = this.#judgeMarker(index, said)
    for (const [path, line] of this.lines) {
      this.#settle(path, said.get(path) ?? { path, now: absent, base: index.knowsBases ? absent : undefined })
      line.base = this.#state.get(path)
      line.dirty = true
    }
    this.#index = undefined
    this.live = true
    const entries = [...this.lines].map(([path, line]) => ({ path, agreed: line.base }))
    this.send({
      type: 'bases',
      entries: entries.filter(entry => entry.agreed !== absent),
      marker: { id: identity.id, epoch: identity.next },
    })
  }

  /** Is it the copy that the ancestors are about? Returns the identity that the pod is to write. */
  #judgeMarker(index: Index, said: Map<Path, Said>): Identity {
    const { marker, knowsBases } = index
    const known = this.#state.identity
    const isOurs = marker !== undefined && marker.id === known.id
    const isYounger = isOurs && marker.epoch > known.next
    const isOlder = isOurs && marker.epoch < (known.epoch ?? 1)
    if (isYounger && !this.without.has('younger epochs')) {
      const identity = { id: known.id, epoch: marker.epoch, next: marker.epoch + 1 }
      this.#state.startOver(new Map(), identity)
      return identity
    }
    const isNew = !isOurs || isYounger || (isOlder && !this.without.has('older epochs'))
    if (isNew && !(this.without.has('other pods have no ancestor') && known.id !== '')) {
      const id = Math.floor(this.#ports.random() * 2 ** 48).toString(36)
      const identity = { id, epoch: undefined, next: 1 }
      this.#state.startOver(this.#firstContact(said), identity)
      return identity
    }
    if (!knowsBases && !this.without.has('history of the epoch')) this.#doubtThisEpoch(said)
    const epoch = marker?.epoch ?? 0
    const identity = { ...known, epoch, next: Math.max(known.next, epoch) + 1 }
    this.#state.setIdentity(identity)
    return identity
  }

  /** The ancestors with which the laptop wins, and nothing is ever deleted on it. */
  #firstContact(said: Map<Path, Said>): Map<Path, Token> {
    const agreed = new Map<Path, Token>()
    for (const { path, now } of said.values()) {
      if (now === undefined) continue
      if (this.#ports.initial === 'mirror' || this.view.look(path) !== absent) agreed.set(path, now)
    }
    return agreed
  }

  /**
   * The agent has no memory, so its volume may be one that came back from within this epoch: what it holds is then
   * something that was agreed earlier, or of unknown descent.
   */
  #doubtThisEpoch(said: Map<Path, Said>): void {
    for (const [path, tokens] of [...this.#state.history]) {
      const now = said.get(path)?.now ?? absent
      if (now === this.#state.get(path)) continue
      this.#state.agree(path, tokens.has(now) ? now : absent)
    }
  }

  #settle(path: Path, { now, base }: Said): void {
    const sent = this.#state.sent.get(path)
    if (sent !== undefined && (now === sent || base === sent)) this.#state.agree(path, sent)
    else if (now !== undefined && this.view.look(path) === now) this.#state.agree(path, now)
    else if (sent !== undefined) this.#state.agree(path, this.#state.get(path))
  }

  #raiseEpoch(): void {
    const { identity } = this.#state
    const next = identity.next + 1
    this.#state.setIdentity({ ...identity, next })
    this.send({ type: 'epoch', marker: { id: identity.id, epoch: next } })
  }

  #loadLines(): void {
    for (const [path, { token }] of this.#state.agreed) this.line(path).base = token
    for (const path of this.#state.sent.keys()) this.line(path)
  }
}

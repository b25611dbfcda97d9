import type { Clock } from '../../syncer/base/clock.ts'
import { errnoOf } from '../../syncer/base/errors.ts'
import { absent, folder, isFile, type Token } from '../../syncer/core/content.ts'
import { depthOf, isWithin, type Path, parentOf } from '../../syncer/core/path.ts'
import type { Disk } from '../../syncer/disk/disk.ts'
import type { Lane, Peer } from '../../syncer/engine/exchange/peer.ts'
import { ModelFiles } from './model-files.ts'
import { collectMembers, isFresh } from './model-graft.ts'
import type { Member, Message } from './model-message.ts'
import type { Rule } from './model-rules.ts'
import { ModelView } from './model-view.ts'
import type { EndPorts } from './subject.ts'

/** What an end knows of one path; the names are those of the decision page. */
export interface Line {
  /** A at the laptop, B at the pod. */
  base: Token
  /** S; the laptop's alone. */
  sent: Token | undefined
  fly: { seq: number; token: Token; stale: boolean } | undefined
  staging: { id: number; token: Token } | undefined
  staged: { id: number; token: Token } | undefined
  /** Those two are about a subtree that the path is in. */
  inGraft: boolean
  dirty: boolean
  retryAtMs: number
}

export type Put = Extract<Message, { type: 'put' }>
const inlineBytesMax = 30
const retryMs = 200
const busyMs = 5

/** What both ends of the model have in common: looking, sending, answering. */
export abstract class ModelEnd implements Peer<Message> {
  protected readonly disk: Disk
  protected readonly clock: Clock
  protected readonly view: ModelView
  protected readonly files: ModelFiles
  protected readonly without: ReadonlySet<Rule>
  protected readonly lines = new Map<Path, Line>()
  /** BASES are through: both may send. */
  protected live = false
  protected connected = false
  /** Missing folders go with what is in them. */
  protected readonly sendsGrafts: boolean = false
  /** Work of a connection that could not be done yet, and when it is tried again. */
  protected greetAtMs = Number.POSITIVE_INFINITY
  readonly #send: (lane: Lane, message: Message) => void
  readonly #ignored: (path: Path) => boolean
  readonly #random: () => number
  /** Members of the subtrees that are being staged, by number. */
  readonly #graftSizes = new Map<number, number>()
  #seq = 0

  constructor(ports: EndPorts<Message>, without: ReadonlySet<Rule>) {
    this.disk = ports.disk
    this.clock = ports.clock
    this.without = without
    this.#send = ports.send
    this.#ignored = ports.ignored
    this.#random = ports.random
    this.view = new ModelView(ports, without, path => this.lines.get(path)?.base === folder)
    this.files = new ModelFiles(ports, without, this.view, path => this.touch(path))
  }

  /** First things of a connection; a system error means: again soon. */
  protected abstract greet(): void
  protected abstract answerPut(put: Put, line: Line, now: Token): 'ack' | 'rej' | 'need'
  protected abstract answerGraft(put: Put, id: number, now: Token): 'ack' | 'rej'
  protected abstract receiveOther(message: Message): void
  protected abstract agree(path: Path, line: Line, token: Token): void
  protected abstract aboutToSend(path: Path, line: Line, token: Token): void

  connect(): void {
    this.disconnect()
    this.connected = true
    this.greetAtMs = 0
    this.tick()
  }

  disconnect(): void {
    this.connected = false
    this.live = false
    this.greetAtMs = Number.POSITIVE_INFINITY
    for (const line of this.lines.values()) line.fly = line.staging = line.staged = undefined
    this.files.dropStages()
  }

  receive(_lane: Lane, message: Message): void {
    switch (message.type) {
      case 'put':
        this.#receivePut(message)
        break
      case 'ack':
      case 'rej':
        this.#receiveAnswer(message)
        break
      case 'content':
        this.send({ type: 'staged', id: message.id, ok: this.files.stage(message) })
        break
      case 'graft':
        this.send({ type: 'staged', id: message.id, ok: this.files.stageGraft(message) })
        break
      case 'staged':
        this.#receiveStaged(message.id, message.ok)
        break
      default:
        this.receiveOther(message)
    }
    this.tick()
  }

  hint(path: Path): void {
    this.#hintBelow(path)
    this.tick()
  }

  tick(): void {
    const now = this.clock.monotonic()
    this.files.tick(now)
    if (this.connected && this.greetAtMs <= now) {
      this.greetAtMs = Number.POSITIVE_INFINITY
      if (!quietly(() => this.greet())) this.greetAtMs = now + retryMs
    }
    if (this.live || (this.connected && this.without.has('nobody sends before BASES'))) this.#flush()
  }

  due(): number {
    let due = Math.min(this.files.due(), this.greetAtMs)
    if (this.live)
      for (const line of this.lines.values())
        if (line.dirty && line.fly === undefined && line.staging === undefined) due = Math.min(due, line.retryAtMs)
    return due
  }

  idle(): boolean {
    if (!this.live || this.greetAtMs !== Number.POSITIVE_INFINITY) return false
    for (const line of this.lines.values()) if (line.dirty || line.fly || line.staging) return false
    return true
  }

  /** The content of a PUT; undefined where it is to be here already and is not (any more). */
  protected bytesOf(put: Put): Buffer | undefined {
    return put.bytes ?? (isFile(put.data) ? this.files.staged(put.path, put.data) : Buffer.alloc(0))
  }

  protected send(message: Message, lane: Lane = 'control'): void {
    this.#send(lane, message)
  }

  protected line(path: Path): Line {
    let line = this.lines.get(path)
    if (line === undefined) {
      line = {
        base: absent,
        sent: undefined,
        fly: undefined,
        staging: undefined,
        staged: undefined,
        inGraft: false,
        dirty: true,
        retryAtMs: 0,
      }
      this.lines.set(path, line)
    }
    return line
  }

  protected touch(path: Path): void {
    this.line(path).dirty = true
  }

  #hintBelow(path: Path): void {
    if (this.#ignored(path)) return
    if (path !== '') this.touch(path)
    for (const [known, line] of this.lines) if (isWithin(known, path)) line.dirty = true
    const ok = quietly(() => {
      for (const found of this.view.scan(path).keys()) this.touch(found)
    })
    // The folder could not be read: it is asked again with its line.
    if (!ok && path !== '') this.line(path).retryAtMs = this.clock.monotonic() + busyMs
  }

  /** Creations and changes by rising depth; then what makes room, deletions and folders that become files, by falling. */
  #flush(): void {
    for (const [path, line] of this.#dirty()) {
      if (line.base === folder) this.#spread(path)
      for (let at = parentOf(path); at !== ''; at = parentOf(at)) if (this.line(at).base !== folder) this.touch(at)
    }
    const dirty = this.#dirty().sort(([a], [b]) => depthOf(a) - depthOf(b))
    const last: (() => void)[] = []
    for (const [path, line] of dirty) this.#consider(path, line, last)
    for (const send of last.reverse()) send()
  }

  #dirty(): [Path, Line][] {
    const dirty: [Path, Line][] = []
    for (const entry of this.lines) if (entry[1].dirty) dirty.push(entry)
    return dirty
  }

  /** A folder that is none any more: what was in it is gone, whatever hints came. */
  #spread(path: Path): void {
    const token = this.view.look(path)
    if (token === folder || token === undefined) return
    for (const [below, line] of this.lines) if (isWithin(below, path)) line.dirty = true
  }

  #consider(path: Path, line: Line, last: (() => void)[]): void {
    const now = this.clock.monotonic()
    if ((line.fly !== undefined && !this.without.has('one in flight')) || line.staging || line.retryAtMs > now) return
    const token = this.view.look(path)
    if (token === undefined) line.retryAtMs = now + busyMs
    else if (token === line.base) line.dirty = false
    else if (token === folder && line.base === absent && this.sendsGrafts && this.#sendGraft(path, line)) return
    else if (token === absent || line.base === folder) last.push(() => this.#sendNow(path, line, token))
    else this.#sendNow(path, line, token)
  }

  #sendNow(path: Path, line: Line, token: Token): void {
    if (isFile(token)) this.#sendFile(path, line)
    else this.#sendPut(path, line, token)
  }

  #sendFile(path: Path, line: Line): void {
    const staged = line.inGraft ? undefined : line.staged
    line.staged = undefined
    const content = this.view.read(path)
    if (content === undefined) {
      line.retryAtMs = this.clock.monotonic() + busyMs
    } else if (staged && (staged.token === content.token || this.without.has('look again after staging'))) {
      this.#sendPut(path, line, staged.token)
    } else if (content.bytes.length > inlineBytesMax) {
      line.staging = { id: ++this.#seq, token: content.token }
      line.inGraft = false
      this.send({ type: 'content', path, ...line.staging, bytes: content.bytes }, 'bulk')
    } else this.#sendPut(path, line, content.token, content.bytes)
  }

  /** A folder with what is in it, in one go: staged first, then one PUT for all. @returns false where it goes by itself */
  #sendGraft(path: Path, line: Line): boolean {
    const id = line.staged?.id
    if (line.inGraft && id !== undefined) return this.#sendStagedGraft(path, id)
    if (this.#random() < 0.3) return false
    const now = this.clock.monotonic()
    const isFree = (below: Path) => isFresh(this.lines.get(below)) && (this.lines.get(below)?.retryAtMs ?? 0) <= now
    let members: Member[] = []
    if (!quietly(() => (members = collectMembers(this.view, path, isFree))) || members.length < 2) return false
    const staging = { id: ++this.#seq }
    this.#graftSizes.set(staging.id, members.length)
    for (const member of members) {
      const below = this.line(member.path)
      below.staging = { ...staging, token: member.token }
      below.staged = undefined
      below.inGraft = true
    }
    this.send({ type: 'graft', ...staging, members }, 'bulk')
    return true
  }

  #sendStagedGraft(path: Path, id: number): boolean {
    const members = [...this.lines].filter(([, { inGraft, staged }]) => inGraft && staged?.id === id)
    // One that went by itself since it was staged may be gone again.
    const isWhole = members.length === this.#graftSizes.get(id)
    const isLacked = isWhole && members.every(([, line]) => isFresh(line))
    this.#graftSizes.delete(id)
    const seq = ++this.#seq
    for (const [below, line] of members) {
      const { token } = line.staged!
      line.staged = undefined
      if (!isLacked) continue
      this.aboutToSend(below, line, token)
      line.fly = { seq, token, stale: false }
      line.dirty = false
    }
    if (isLacked) this.send({ type: 'put', seq, path, base: absent, data: folder, graft: id })
    return isLacked
  }

  #sendPut(path: Path, line: Line, token: Token, bytes?: Buffer): void {
    this.aboutToSend(path, line, token)
    const { base } = line
    line.fly = { seq: ++this.#seq, token, stale: false }
    line.dirty = false
    if (this.without.has('ancestor moves at the answer')) this.agree(path, line, token)
    this.send({ type: 'put', seq: line.fly.seq, path, base, data: token, bytes })
  }

  #receivePut(put: Put): void {
    const line = this.line(put.path)
    const now = this.live && !this.#ignored(put.path) ? this.view.look(put.path) : undefined
    const answer =
      now === undefined
        ? 'rej'
        : put.graft === undefined
          ? this.answerPut(put, line, now)
          : this.answerGraft(put, put.graft, now)
    this.files.dropStage(put.path)
    // A folder that could not go has something in it that we may not know of.
    if (now === folder && put.data !== folder) this.#hintBelow(put.path)
    line.dirty = true
    line.retryAtMs = 0
    // Parents that were made for it.
    for (let at = parentOf(put.path); at !== ''; at = parentOf(at)) this.touch(at)
    const lane = this.without.has('one lane for decisions') ? 'bulk' : 'control'
    if (answer === 'ack') this.send({ type: 'ack', seq: put.seq }, lane)
    else this.send({ type: 'rej', seq: put.seq, need: answer === 'need' }, lane)
  }

  #receiveAnswer(answer: Extract<Message, { type: 'ack' | 'rej' }>): void {
    for (const [path, line] of this.lines) {
      const { fly } = line
      if (fly?.seq !== answer.seq) continue
      line.fly = undefined
      line.dirty = true
      if (answer.type === 'ack' && (!fly.stale || this.without.has('stale answers'))) this.agree(path, line, fly.token)
      else this.agree(path, line, line.base)
      if (answer.type === 'rej' && !answer.need) line.retryAtMs = this.clock.monotonic() + retryMs
    }
  }

  #receiveStaged(id: number, ok: boolean): void {
    for (const line of this.lines.values()) {
      if (line.staging?.id !== id) continue
      if (ok) line.staged = line.staging
      else line.retryAtMs = this.clock.monotonic() + retryMs
      line.staging = undefined
      line.dirty = true
    }
  }
}

/** Runs it; false where the system said no. */
export function quietly(what: () => void): boolean {
  try {
    what()
    return true
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

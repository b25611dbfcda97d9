import { errnoOf } from '../../syncer/base/errors.ts'
import { markKeyBytes } from '../../syncer/core/block-marks.ts'
import { type Path, parentOf } from '../../syncer/core/path.ts'
import type { SyncPolicy } from '../../syncer/core/sync-policy.ts'
import { MarkerFile } from '../../syncer/endpoint/marker-file.ts'
import { Replica } from '../../syncer/endpoint/replica.ts'
import { type EngineOptions, SyncEngine } from '../../syncer/engine/engine.ts'
import type { EngineEvent } from '../../syncer/engine/exchange/engine-event.ts'
import {
  type Journal as EngineJournal,
  JournalError,
  type JournalRecord,
} from '../../syncer/engine/exchange/journal.ts'
import type { Lane } from '../../syncer/engine/exchange/peer.ts'
import { packIndex, unpackIndex } from '../../syncer/session/state/index-cache.ts'
import { Ledger, type LedgerRecord } from '../../syncer/session/state/ledger.ts'
import type { SyncMessage } from '../../syncer/wire/sync-message.ts'
import { keptMessage } from '../syncer/engine/kept-message.ts'
import type { Keepsake } from './keepsake.ts'
import type { EndPorts, LaptopPorts, SimulatedPeer, Subject } from './subject.ts'
import { isAmong, type Rules } from './world.ts'

const checkpointMs = 30_000
/** Ticks of an end from one `Tree.fold` to the next. */
const foldedEvery = 8

/** The real engine at both ends. */
export const engine: Subject<SyncMessage> = {
  laptop: ports => new Laptop(ports),
  pod: ports => new Pod(ports),
  tell,
  takesRules: true,
  knowsObstacles: true,
  isLeftOver: name => name.startsWith('stage-') || name === 'marker-new',
  isScratch: name => name.startsWith('part-'),
}

/** An engine as a {@link Peer}: watchers tell of a move into place or of a write, at random. */
class End implements SimulatedPeer<SyncMessage> {
  protected readonly engine: SyncEngine
  protected readonly ports: EndPorts<SyncMessage>
  #ticks = 0

  constructor(made: SyncEngine, ports: EndPorts<SyncMessage>) {
    this.engine = made
    this.ports = ports
  }

  connect(): void {
    this.engine.connect()
  }

  disconnect(): void {
    this.engine.disconnect()
  }

  receive(lane: Lane, message: SyncMessage): void {
    this.engine.receive(lane, message)
  }

  receiveAll(lane: Lane, messages: SyncMessage[]): void {
    this.engine.receiveAll(lane, messages)
  }

  hint(path: Path): void {
    if (path === '') this.engine.sweep()
    else if (this.#isVague()) this.engine.hintFolder(parentOf(path))
    else this.engine.hint(path, this.ports.random() < 0.5 ? 'rename' : 'change')
  }

  tick(): void {
    this.engine.tick()
    // A real end does so when it rests; here at any moment, for it must change nothing.
    if (this.#ticks++ % foldedEvery === 0) this.engine.exchange.replica.tree.fold()
  }

  due(): number {
    return this.engine.due()
  }

  idle(): boolean {
    return this.engine.idle()
  }

  #isVague(): boolean {
    const { vagueHints } = this.ports.habits
    return vagueHints > 0 && this.ports.random() < vagueHints
  }
}

/** The agent around the engine: asked whether all is in step, it asks the engine once events have been handed in. */
class Pod extends End {
  readonly #asked: number[]

  constructor(ports: EndPorts<SyncMessage>) {
    const asked: number[] = []
    const on = (event: EngineEvent) => {
      if (event.type === 'flush-asked') asked.push(event.id)
    }
    const marker = new MarkerFile(ports.disk)
    super(makeEngine(ports, makeReplica(ports), { role: 'pod', initial: 'mirror', marker, on }), ports)
    this.#asked = asked
  }

  override tick(): void {
    for (const id of this.#asked.splice(0)) this.engine.flush(id)
    super.tick()
  }

  override due(): number {
    return this.#asked.length > 0 ? 0 : super.due()
  }

  override disconnect(): void {
    this.#asked.length = 0
    super.disconnect()
  }
}

/** The laptop's program around the engine: it sets a checkpoint every 30 s. */
class Laptop extends End {
  readonly #log: Log
  readonly #replica: Replica
  readonly #kept: Keepsake
  #checkpointAtMs: number
  #changed = false
  #halted = false
  readonly #awaited: Set<string>
  readonly #told: Map<string, { side: 'laptop' | 'pod'; path: Path }>
  #flushes = 0

  constructor(ports: LaptopPorts<SyncMessage>) {
    const log = new Log(ports)
    const replica = makeReplica(ports)
    const index = ports.habits.indexKept ? ports.kept.read() : undefined
    if (index !== undefined) unpackIndex(index, replica.tree, log.otherBoot, replica.looker.stamps.presentNs())
    const awaited = new Set<string>()
    const problems: Map<string, { side: 'laptop' | 'pod'; path: Path }> = new Map()
    const on = (event: EngineEvent) => {
      if (event.type === 'halted' || event.type === 'resumed') this.#halted = event.type === 'halted'
      if (event.type === 'changed') this.#changed = true
      if (event.type === 'problem') {
        const { side, path, code } = event
        if (code === '') problems.delete(`${side} ${path}`)
        else problems.set(`${side} ${path}`, { side, path })
      }
      if (event.type === 'flushed') awaited.delete(`${event.side} ${event.id}`)
    }
    const { rulesText, initial, deletesMax } = ports
    const role: Role = { role: 'laptop', initial, journal: log, rulesText, on }
    super(makeEngine(ports, replica, deletesMax === undefined ? role : { ...role, deletesMax }), ports)
    this.#awaited = awaited
    this.#told = problems
    this.#log = log
    this.#replica = replica
    this.#kept = ports.kept
    this.#checkpointAtMs = ports.clock.monotonic() + checkpointMs
  }

  override tick(): void {
    super.tick()
    if (this.ports.clock.monotonic() < this.#checkpointAtMs) return
    this.#checkpointAtMs = this.ports.clock.monotonic() + checkpointMs
    this.#log.checkpoint()
    this.#keepIndex()
    if (this.#changed && this.ports.habits.epochs) this.engine.raiseEpoch()
    this.#changed = false
  }

  override due(): number {
    return Math.min(super.due(), this.#checkpointAtMs)
  }

  setRules(text: string): void {
    this.engine.setRules(text)
  }

  flush(): void {
    if (!this.engine.live) return
    const id = ++this.#flushes
    for (const side of ['laptop', 'pod']) this.#awaited.add(`${side} ${id}`)
    this.engine.flush(id)
    this.engine.askFlush(id)
  }

  problems(): { side: 'laptop' | 'pod'; path: Path }[] {
    return [...this.#told.values()]
  }

  halted(): boolean {
    return this.#halted
  }

  flushed(): boolean {
    return this.#awaited.size === 0
  }

  override disconnect(): void {
    this.#awaited.clear()
    super.disconnect()
  }

  stop(): void {
    this.engine.close()
    this.#keepIndex()
    this.#log.close()
  }

  #keepIndex(): void {
    if (this.ports.habits.indexKept) this.#kept.write(packIndex(this.#replica.tree, this.ports.clock.now()))
  }
}

/** `AncestorLog` without its file: the same ledger over records in memory. */
class Log implements EngineJournal {
  readonly #ports: LaptopPorts<SyncMessage>
  readonly #loaded: JournalRecord[]
  readonly otherBoot: boolean

  constructor(ports: LaptopPorts<SyncMessage>) {
    this.#ports = ports
    const ledger = new Ledger()
    for (const record of ports.journal.load() as LedgerRecord[]) ledger.add(record)
    this.#loaded = [...ledger.finish(ports.bootId)]
    this.otherBoot = ledger.otherBoot
    ports.journal.append({ type: 'start', boot: ports.bootId } satisfies LedgerRecord)
  }

  load(): Iterable<JournalRecord> {
    return this.#loaded
  }

  append(records: JournalRecord[]): void {
    try {
      this.#ports.journal.append(...records)
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      throw new JournalError(code, error)
    }
    if (records.some(({ type }) => type === 'epoch' || type === 'raising')) this.#ports.journal.sync()
  }

  checkpoint(): void {
    try {
      this.#ports.journal.append({ type: 'checkpoint' } satisfies LedgerRecord)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return
    }
    this.#ports.journal.sync()
  }

  close(): void {
    this.#ports.journal.sync()
  }
}

type Role = Pick<EngineOptions, 'role' | 'initial' | 'marker' | 'journal' | 'deletesMax'> & {
  rulesText?: string
  on?: (event: EngineEvent) => void
}

function newIdOf(ports: EndPorts<SyncMessage>): () => string {
  return () => Math.floor(ports.random() * 2 ** 48).toString(36)
}

function makeReplica(ports: EndPorts<SyncMessage>): Replica {
  const { disk, clock, grain, trash } = ports
  const markKey = Buffer.alloc(markKeyBytes, 'by chance')
  return new Replica({ disk, clock, newId: newIdOf(ports), owner: 'sim', trash, markKey, ...(grain && { grain }) })
}

function makeEngine(ports: EndPorts<SyncMessage>, replica: Replica, role: Role): SyncEngine {
  const rulesText = role.rulesText ?? ''
  const compileRules = (text: string) => (text === '' ? ports : rulesOf(text))
  return new SyncEngine({
    role: role.role,
    initial: role.initial,
    replica,
    rules: compileRules(rulesText),
    rulesText,
    compileRules,
    send: (lane, message) => ports.send(lane, keptMessage(message)),
    writable: () => true,
    on: role.on ?? (() => {}),
    watch: () => {},
    unwatch: () => {},
    session: 'sim',
    newMarkerId: newIdOf(ports),
    urgentGraftMin: 2,
    changedAtOnceMax: 2,
    stepsMax: ports.stepsMax,
    ...(role.deletesMax !== undefined && { deletesMax: role.deletesMax }),
    ...(ports.early && { earlyAnswerMsMax: Number.POSITIVE_INFINITY }),
    ...(role.marker && { marker: role.marker }),
    ...(role.journal && { journal: role.journal }),
  })
}

/** @param text JSON of {@link Rules} */
function rulesOf(text: string): { ignored(path: Path): boolean; policy: SyncPolicy } {
  const { ignored, policy }: Rules = JSON.parse(text)
  const paths = new Set<Path>(ignored)
  return { ignored: path => isAmong(path, paths), policy }
}

function tell(message: SyncMessage): string {
  const { type, ...rest } = message
  return `${type} ${JSON.stringify(rest, (_, value) => {
    if (value?.type === 'Buffer') return Buffer.from(value.data).toString('latin1').slice(0, 60)
    return typeof value === 'string' && /^[fx][0-9a-f]{64}$/.test(value) ? value.slice(0, 7) : value
  })}`
}

import { markKeyBytes } from '../../syncer/core/block-marks.ts'
import { type Path, parentOf } from '../../syncer/core/path.ts'
import { MarkerFile } from '../../syncer/endpoint/marker-file.ts'
import { Replica } from '../../syncer/endpoint/replica.ts'
import { type EngineOptions, SyncEngine } from '../../syncer/session/engine.ts'
import type { EngineEvent } from '../../syncer/session/exchange.ts'
import { packIndex, unpackIndex } from '../../syncer/session/index-cache.ts'
import type { Journal as EngineJournal, JournalRecord } from '../../syncer/session/journal.ts'
import { Ledger, type LedgerRecord } from '../../syncer/session/ledger.ts'
import type { Lane } from '../../syncer/session/peer.ts'
import type { SyncMessage } from '../../syncer/wire/sync-message.ts'
import { keptMessage } from '../syncer/session/kept-message.ts'
import type { Keepsake } from './keepsake.ts'
import type { EndPorts, LaptopPorts, SimulatedPeer, Subject } from './subject.ts'

const checkpointMs = 30_000
const trash = { keepMs: 60_000, bytesMax: 1024 ** 3 }

/** The real engine at both ends. */
export const engine: Subject<SyncMessage> = {
  laptop: ports => new Laptop(ports),
  pod: ports => {
    const marker = new MarkerFile(ports.disk)
    return new End(makeEngine(ports, makeReplica(ports), { role: 'pod', initial: 'mirror', marker }), ports)
  },
  tell,
  takesRules: true,
  isLeftOver: name => name.startsWith('stage-') || name === 'marker-new',
  isScratch: name => name.startsWith('part-'),
}

/** An engine as a {@link Peer}: watchers tell of a move into place or of a write, at random. */
class End implements SimulatedPeer<SyncMessage> {
  protected readonly engine: SyncEngine
  protected readonly ports: EndPorts<SyncMessage>

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

  hint(path: Path): void {
    if (path === '') this.engine.sweep()
    else if (this.#isVague()) this.engine.hintFolder(parentOf(path))
    else this.engine.hint(path, this.ports.random() < 0.5 ? 'rename' : 'change')
  }

  tick(): void {
    this.engine.tick()
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

/** The laptop's program around the engine: it sets a checkpoint every 30 s. */
class Laptop extends End {
  readonly #log: Log
  readonly #replica: Replica
  readonly #kept: Keepsake
  #checkpointAtMs: number
  #changed = false

  constructor(ports: LaptopPorts<SyncMessage>) {
    const log = new Log(ports)
    const replica = makeReplica(ports)
    const index = ports.habits.indexKept ? ports.kept.read() : undefined
    if (index !== undefined) unpackIndex(index, replica.tree, log.otherBoot, replica.looker.presentNs())
    const on = ({ type }: EngineEvent) => {
      if (type === 'changed') this.#changed = true
    }
    const rulesText = ports.rulesText
    super(makeEngine(ports, replica, { role: 'laptop', initial: ports.initial, journal: log, rulesText, on }), ports)
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
    this.#ports.journal.append(...records)
    if (records.some(({ type }) => type === 'epoch' || type === 'raising')) this.#ports.journal.sync()
  }

  checkpoint(): void {
    this.#ports.journal.append({ type: 'checkpoint' } satisfies LedgerRecord)
    this.#ports.journal.sync()
  }

  close(): void {
    this.#ports.journal.sync()
  }
}

type Role = Pick<EngineOptions, 'role' | 'initial' | 'marker' | 'journal'> & {
  rulesText?: string
  on?: (event: EngineEvent) => void
}

function newIdOf(ports: EndPorts<SyncMessage>): () => string {
  return () => Math.floor(ports.random() * 2 ** 48).toString(36)
}

function makeReplica(ports: EndPorts<SyncMessage>): Replica {
  const { disk, clock, grain } = ports
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
    stepsMax: ports.stepsMax,
    ...(role.marker && { marker: role.marker }),
    ...(role.journal && { journal: role.journal }),
  })
}

/** @param text JSON of the paths that do not travel */
function rulesOf(text: string): { ignored(path: Path): boolean } {
  const paths = new Set<Path>(JSON.parse(text))
  return { ignored: path => paths.has(path) }
}

function tell(message: SyncMessage): string {
  const { type, ...rest } = message
  return `${type} ${JSON.stringify(rest, (_, value) => {
    if (value?.type === 'Buffer') return Buffer.from(value.data).toString('latin1').slice(0, 60)
    return typeof value === 'string' && /^[fx][0-9a-f]{64}$/.test(value) ? value.slice(0, 7) : value
  })}`
}

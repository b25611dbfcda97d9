import type { Path } from '../../syncer/core/path.ts'
import { MarkerFile } from '../../syncer/endpoint/marker-file.ts'
import { Replica } from '../../syncer/endpoint/replica.ts'
import { type EngineOptions, SyncEngine } from '../../syncer/session/engine.ts'
import type { Journal as EngineJournal, JournalRecord } from '../../syncer/session/journal.ts'
import { Ledger, type LedgerRecord } from '../../syncer/session/ledger.ts'
import type { Lane, Peer } from '../../syncer/session/peer.ts'
import type { SyncMessage } from '../../syncer/wire/sync-message.ts'
import { keptMessage } from '../syncer/session/kept-message.ts'
import type { EndPorts, LaptopPorts, Subject } from './subject.ts'

const checkpointMs = 30_000
const trash = { keepMs: 60_000, bytesMax: 1024 ** 3 }

/** The real engine at both ends. */
export const engine: Subject<SyncMessage> = {
  laptop: ports => new Laptop(ports),
  pod: ports =>
    new End(makeEngine(ports, { role: 'pod', initial: 'mirror', marker: new MarkerFile(ports.disk) }), ports),
  tell,
  isLeftOver: name => name.startsWith('stage-') || name === 'marker-new',
  isScratch: name => name.startsWith('part-'),
}

/** An engine as a {@link Peer}: watchers tell of a move into place or of a write, at random. */
class End implements Peer<SyncMessage> {
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
}

/** The laptop's program around the engine: it sets a checkpoint every 30 s. */
class Laptop extends End {
  readonly #log: Log
  #checkpointAtMs: number

  constructor(ports: LaptopPorts<SyncMessage>) {
    const log = new Log(ports)
    super(makeEngine(ports, { role: 'laptop', initial: ports.initial, journal: log }), ports)
    this.#log = log
    this.#checkpointAtMs = ports.clock.monotonic() + checkpointMs
  }

  override tick(): void {
    super.tick()
    if (this.ports.clock.monotonic() < this.#checkpointAtMs) return
    this.#checkpointAtMs = this.ports.clock.monotonic() + checkpointMs
    this.#log.checkpoint()
  }

  override due(): number {
    return Math.min(super.due(), this.#checkpointAtMs)
  }
}

/** `AncestorLog` without its file: the same ledger over records in memory. */
class Log implements EngineJournal {
  readonly #ports: LaptopPorts<SyncMessage>
  readonly #loaded: JournalRecord[]

  constructor(ports: LaptopPorts<SyncMessage>) {
    this.#ports = ports
    const ledger = new Ledger()
    for (const record of ports.journal.load() as LedgerRecord[]) ledger.add(record)
    this.#loaded = [...ledger.finish(ports.bootId)]
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
}

type Role = Pick<EngineOptions, 'role' | 'initial' | 'marker' | 'journal'>

function makeEngine(ports: EndPorts<SyncMessage>, role: Role): SyncEngine {
  const newId = () => Math.floor(ports.random() * 2 ** 48).toString(36)
  const { disk, clock, grain } = ports
  const replica = new Replica({ disk, clock, newId, owner: 'sim', trash, ...(grain && { grain }) })
  return new SyncEngine({
    role: role.role,
    initial: role.initial,
    replica,
    rules: ports,
    rulesText: '',
    compileRules: () => ports,
    send: (lane, message) => ports.send(lane, keptMessage(message)),
    writable: () => true,
    on: () => {},
    watch: () => {},
    unwatch: () => {},
    session: 'sim',
    newMarkerId: newId,
    urgentGraftMin: 2,
    stepsMax: ports.stepsMax,
    ...(role.marker && { marker: role.marker }),
    ...(role.journal && { journal: role.journal }),
  })
}

function tell(message: SyncMessage): string {
  const { type, ...rest } = message
  return `${type} ${JSON.stringify(rest, (_, value) => {
    if (value?.type === 'Buffer') return Buffer.from(value.data).toString('latin1').slice(0, 60)
    return typeof value === 'string' && /^[fx][0-9a-f]{64}$/.test(value) ? value.slice(0, 7) : value
  })}`
}

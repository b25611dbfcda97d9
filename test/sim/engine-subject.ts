import type { Path } from '../../syncer/core/path.ts'
import { MarkerFile } from '../../syncer/endpoint/marker-file.ts'
import { Replica } from '../../syncer/endpoint/replica.ts'
import { type EngineOptions, SyncEngine } from '../../syncer/session/engine.ts'
import type { Journal, JournalRecord } from '../../syncer/session/journal.ts'
import { Ledger, type LedgerRecord } from '../../syncer/session/ledger.ts'
import type { Lane, Peer } from '../../syncer/session/peer.ts'
import type { SyncMessage } from '../../syncer/wire/sync-message.ts'
import type { Journal as SimulatedJournal } from './journal.ts'
import type { EndPorts, LaptopPorts, Subject } from './subject.ts'

const checkpointMs = 30_000
const rules = { ignored: () => false }

/** The real engine, with what its sessions do around it. */
export function engine(): Subject<SyncMessage> {
  return {
    laptop: ports => new LaptopPeer(ports),
    pod: ports => makeEngine(ports, { role: 'pod', initial: 'keep', marker: new MarkerFile(ports.disk) }),
    tell,
    isLeftOver: name => name !== 'marker',
  }
}

function makeEngine(
  ports: EndPorts<SyncMessage>,
  rest: Pick<EngineOptions, 'role' | 'initial' | 'marker' | 'journal'>,
): SyncEngine {
  const newId = () => Math.floor(ports.random() * 2 ** 48).toString(36)
  const replica = new Replica({
    disk: ports.disk,
    clock: ports.clock,
    newId,
    owner: rest.role,
    trash: { keepMs: 60_000, bytesMax: 1e9 },
  })
  const made: SyncEngine = new SyncEngine({
    ...rest,
    replica,
    rules,
    rulesText: '',
    compileRules: () => rules,
    send: ports.send,
    writable: () => true,
    on: event => {
      if (event.type === 'flush-asked') made.flush(event.id)
    },
    watch: () => {},
    unwatch: () => {},
    session: 'sim',
    newMarkerId: newId,
  })
  return made
}

/** The laptop's engine over a journal with checkpoints, as its session keeps it. */
class LaptopPeer implements Peer<SyncMessage> {
  private readonly engine: SyncEngine
  private readonly journal: CheckpointedJournal
  private readonly ports: LaptopPorts<SyncMessage>
  private checkpointDueMs: number

  constructor(ports: LaptopPorts<SyncMessage>) {
    this.ports = ports
    this.journal = new CheckpointedJournal(ports.journal as SimulatedJournal<LedgerRecord>, ports.bootId)
    this.engine = makeEngine(ports, { role: 'laptop', initial: ports.initial, journal: this.journal })
    this.checkpointDueMs = ports.clock.monotonic() + checkpointMs
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
    this.engine.hint(path)
  }

  tick(): void {
    const nowMs = this.ports.clock.monotonic()
    if (nowMs >= this.checkpointDueMs) {
      this.checkpointDueMs = nowMs + checkpointMs
      this.journal.checkpoint()
    }
    this.engine.tick()
  }

  due(): number {
    return Math.min(this.engine.due(), this.checkpointDueMs)
  }

  idle(): boolean {
    return this.engine.idle()
  }
}

class CheckpointedJournal implements Journal {
  private readonly records: SimulatedJournal<LedgerRecord>
  private readonly boot: string

  constructor(records: SimulatedJournal<LedgerRecord>, boot: string) {
    this.records = records
    this.boot = boot
  }

  load(): Iterable<JournalRecord> {
    const ledger = new Ledger()
    for (const record of this.records.load()) ledger.add(record)
    const loaded = [...ledger.finish(this.boot)]
    this.records.append({ type: 'start', boot: this.boot })
    return loaded
  }

  append(records: JournalRecord[]): void {
    this.records.append(...records)
    if (records.some(({ type }) => type === 'epoch' || type === 'raising')) this.records.sync()
  }

  checkpoint(): void {
    this.records.append({ type: 'checkpoint' })
    this.records.sync()
  }
}

function tell(message: SyncMessage): string {
  const { type, ...rest } = message
  const shorten = (_: string, value: unknown) =>
    typeof value === 'string' && /^[fx][0-9a-f]{64}$/.test(value) ? value.slice(0, 7) : value
  if ('bytes' in rest && rest.bytes !== undefined) {
    return `${type} ${JSON.stringify({ ...rest, bytes: Buffer.from(rest.bytes).toString('latin1') }, shorten)}`
  }
  return `${type} ${JSON.stringify(rest, shorten)}`
}

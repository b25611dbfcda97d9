import { absent, type Token } from '../../syncer/core/content.ts'
import type { Path } from '../../syncer/core/path.ts'
import type { Journal } from './journal.ts'
import type { Rule } from './model-rules.ts'

/** What the laptop remembers of who the pod's copy is; `next` is an epoch that the pod may have written or not. */
export interface Identity {
  id: string
  epoch: number | undefined
  next: number
}

type StateRecord =
  | { type: 'agreed'; path: Path; token: Token }
  | { type: 'void'; path: Path }
  | { type: 'sent'; path: Path; token: Token | undefined }
  | { type: 'forget' }
  | { type: 'identity'; identity: Identity }
  | { type: 'checkpoint' }
  | { type: 'boot'; bootId: string }

interface Remembered {
  token: Token
  /** Number of the checkpoint before it. */
  born: number
}

/** The laptop's durable state, read from its journal. Every change is in the journal before the call returns. */
export class ModelState {
  readonly agreed = new Map<Path, Remembered>()
  readonly sent = new Map<Path, Token>()
  /** What was agreed on in the present epoch, path by path. */
  readonly history = new Map<Path, Set<Token>>()
  identity: Identity = { id: '', epoch: undefined, next: 0 }
  readonly #journal: Journal<unknown>
  #checkpoints = 0

  constructor(journal: Journal<unknown>, bootId: string, without: ReadonlySet<Rule>) {
    this.#journal = journal
    let lastBoot: string | undefined
    for (const record of journal.load() as StateRecord[]) {
      if (record.type === 'boot') lastBoot = record.bootId
      else this.#take(record)
    }
    if (lastBoot === bootId) return
    if (lastBoot !== undefined && !without.has('void after a power cut')) this.#voidYoung(without)
    this.#append({ type: 'boot', bootId })
    journal.sync()
  }

  get(path: Path): Token {
    return this.agreed.get(path)?.token ?? absent
  }

  agree(path: Path, token: Token): void {
    if (this.get(path) === token && !this.sent.has(path)) return
    this.#append({ type: 'agreed', path, token }, { type: 'sent', path, token: undefined })
  }

  send(path: Path, token: Token): void {
    this.#append({ type: 'sent', path, token })
  }

  setIdentity(identity: Identity): void {
    this.#append({ type: 'identity', identity })
    this.#journal.sync()
  }

  /** A new copy at the other end: new ancestors and its identity, all or nothing. */
  startOver(agreed: Map<Path, Token>, identity: Identity): void {
    const records: StateRecord[] = [{ type: 'forget' }]
    for (const [path, token] of agreed) records.push({ type: 'agreed', path, token })
    this.#append(...records, { type: 'identity', identity })
    this.#journal.sync()
  }

  checkpoint(): void {
    this.#append({ type: 'checkpoint' })
    this.#journal.sync()
  }

  /** After a power cut: what was agreed less than two whole intervals before the last checkpoint has no ancestor. */
  #voidYoung(without: ReadonlySet<Rule>): void {
    const trusted = this.#checkpoints - (without.has('two whole intervals') ? 1 : 3)
    const records: StateRecord[] = []
    for (const [path, { born }] of this.agreed) if (born > trusted) records.push({ type: 'void', path })
    for (const path of this.sent.keys()) records.push({ type: 'sent', path, token: undefined })
    this.#append(...records)
  }

  #append(...records: StateRecord[]): void {
    this.#journal.append(...records)
    for (const record of records) this.#take(record)
  }

  #take(record: StateRecord): void {
    switch (record.type) {
      case 'agreed':
        this.agreed.set(record.path, { token: record.token, born: this.#checkpoints })
        this.#remember(record.path, record.token)
        break
      case 'void':
        this.agreed.delete(record.path)
        this.history.delete(record.path)
        break
      case 'sent':
        if (record.token === undefined) this.sent.delete(record.path)
        else this.sent.set(record.path, record.token)
        break
      case 'forget':
        this.agreed.clear()
        this.sent.clear()
        this.history.clear()
        break
      case 'identity':
        if (record.identity.epoch !== this.identity.epoch) this.history.clear()
        this.identity = record.identity
        break
      case 'checkpoint':
        this.#checkpoints += 1
    }
  }

  #remember(path: Path, token: Token): void {
    const tokens = this.history.get(path)
    if (tokens === undefined) this.history.set(path, new Set([token]))
    else tokens.add(token)
  }
}

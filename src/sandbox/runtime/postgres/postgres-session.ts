import type { Socket } from 'node:net'
import {
  errorMessage,
  int32,
  type Message,
  MessageReader,
  message,
  ReadyWatch,
  StartupCode,
  startupParameters,
  textAt,
} from './messages.ts'
import { renameStatement } from './statement-names.ts'
import type { Turns } from './turns.ts'

/** The database: one session, which takes whole messages. */
export interface Engine {
  /** Runs messages of the protocol; what it answers comes in pieces. */
  run(bytes: Uint8Array, answered: (bytes: Uint8Array) => void): Promise<void>
  version: string
}

export interface Account {
  user: string
  database: string
  /** Absent: anybody is trusted. */
  password?: string
}

const copyIn = /\bcopy\b[^;]*\bfrom\s+stdin\b/i
const refusal = `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '0A000',
  MESSAGE = 'COPY FROM STDIN is not supported by the PostgreSQL of the sandbox'; END $$`

/** The engine would wait for data that it cannot get, and end. */
function withoutCopy(next: Message): Message {
  const { type, bytes } = next
  if (!['Q', 'P'].includes(type) || !copyIn.test(bytes.toString('latin1'))) return next
  const noParameters = Buffer.alloc(2)
  return { type, bytes: type === 'Q' ? message('Q', refusal) : message('P', textAt(bytes, 5), refusal, noParameters) }
}

/**
 * A client's connection. All connections share the engine's one session: one has it from its first message until the
 * engine is out of a transaction. Prepared statements have names of their own; settings and temporary tables are shared.
 */
export class PostgresSession {
  readonly #socket: Socket
  readonly #engine: Engine
  readonly #turns: Turns
  readonly #account: Account
  readonly #id: number
  readonly #reader = new MessageReader()
  readonly #ready = new ReadyWatch()
  readonly #statements = new Set<string>()
  #state: 'startup' | 'password' | 'open' | 'ended' = 'startup'

  constructor(socket: Socket, parts: { engine: Engine; turns: Turns; account: Account; id: number }) {
    this.#socket = socket
    this.#engine = parts.engine
    this.#turns = parts.turns
    this.#account = parts.account
    this.#id = parts.id
  }

  /** Serves it to its end; never rejects for what the client does, but where the engine breaks. */
  async serve(): Promise<void> {
    try {
      for await (const chunk of this.#socket) {
        this.#reader.add(chunk)
        for (let next = this.#read(); next; next = this.#read()) {
          await this.#take(next)
          if (this.#socket.writableNeedDrain) await this.#drained()
        }
        if (this.#state === 'ended') break
      }
    } catch (error) {
      // the connection broke; anything else is the engine's
      if (!this.#socket.destroyed) throw error
    } finally {
      await this.#leave()
      this.#socket.destroy()
    }
  }

  #read(): Message | undefined {
    if (this.#state === 'ended') return undefined
    try {
      return this.#reader.next()
    } catch (error) {
      this.#fatal('08P01', `invalid message: ${error instanceof Error ? error.message : error}`)
      return undefined
    }
  }

  async #take(next: Message): Promise<void> {
    if (this.#state === 'startup') this.#startup(next.bytes)
    else if (this.#state === 'password') this.#checkPassword(next)
    else if (next.type === 'X') this.#end()
    else await this.#run(next)
  }

  #startup(bytes: Buffer): void {
    const code = bytes.length >= 8 ? bytes.readInt32BE(4) : 0
    if (code === StartupCode.ssl || code === StartupCode.gssEncryption) {
      // not offered: the client goes on without it, or goes
      this.#socket.write('N')
      return
    }
    // nothing is running in another process that could be told to stop
    if (code === StartupCode.cancel) this.#end()
    else if (code >> 16 !== 3) this.#fatal('0A000', `unsupported frontend protocol ${code >> 16}.${code & 0xffff}`)
    else this.#greet(startupParameters(bytes))
  }

  #greet(parameters: Map<string, string>): void {
    this.#reader.started()
    const { password, ...account } = this.#account
    const user = parameters.get('user') ?? ''
    const database = parameters.get('database') || user
    if (user !== account.user) this.#fatal('28000', `role "${user}" does not exist`)
    else if (database !== account.database) this.#fatal('3D000', `database "${database}" does not exist`)
    else if (password === undefined) this.#welcome()
    else {
      this.#state = 'password'
      const cleartext = 3
      this.#socket.write(message('R', int32(cleartext)))
    }
  }

  #checkPassword({ type, bytes }: Message): void {
    if (type === 'p' && textAt(bytes, 5) === this.#account.password) this.#welcome()
    else this.#fatal('28P01', `password authentication failed for user "${this.#account.user}"`)
  }

  #welcome(): void {
    this.#state = 'open'
    const settings = {
      server_version: this.#engine.version,
      server_encoding: 'UTF8',
      client_encoding: 'UTF8',
      DateStyle: 'ISO, MDY',
      TimeZone: 'GMT',
      integer_datetimes: 'on',
      standard_conforming_strings: 'on',
      is_superuser: 'on',
      session_authorization: this.#account.user,
    }
    this.#socket.write(
      Buffer.concat([
        message('R', int32(0)),
        ...Object.entries(settings).map(([name, value]) => message('S', name, value)),
        message('K', int32(this.#id), int32(0)),
        message('Z', Buffer.from('I')),
      ]),
    )
  }

  async #run(next: Message): Promise<void> {
    await this.#turns.take(this)
    // its client went while it waited
    if (this.#socket.destroyed) return
    this.#ready.clear()
    await this.#engine.run(renameStatement(withoutCopy(next), this.#id, this.#statements).bytes, answer => {
      const piece = Buffer.from(answer)
      this.#ready.add(piece)
      if (this.#socket.writable) this.#socket.write(piece)
    })
    if (this.#ready.state === 'I') this.#turns.release(this)
  }

  #drained(): Promise<void> {
    return new Promise(resolve => {
      const settle = () => {
        this.#socket.off('drain', settle).off('close', settle)
        resolve()
      }
      this.#socket.on('drain', settle).on('close', settle)
    })
  }

  #fatal(code: string, text: string): void {
    this.#socket.write(errorMessage('FATAL', code, text))
    this.#end()
  }

  #end(): void {
    this.#state = 'ended'
    this.#socket.end()
  }

  /** Leaves nothing of its own to the next one. */
  async #leave(): Promise<void> {
    const queries = this.#turns.holds(this) ? ['ROLLBACK'] : []
    queries.push(...[...this.#statements].map(name => `DEALLOCATE "${name.replaceAll('"', '""')}"`))
    if (queries.length === 0) return
    await this.#turns.take(this)
    try {
      for (const query of queries) {
        await this.#engine.run(message('S'), () => {})
        await this.#engine.run(message('Q', query), () => {})
      }
    } finally {
      this.#turns.release(this)
    }
  }
}

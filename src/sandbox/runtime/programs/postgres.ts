// The image `postgres` of the sandbox: a real PostgreSQL (PGlite, compiled to WebAssembly), behind the real protocol.
// Environment as of the official image: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_HOST_AUTH_METHOD,
// PGDATA; scripts `*.sql` in /docker-entrypoint-initdb.d run once, on an empty database.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { PodRoot } from '../../../../syncer/pod/pod-root.ts'
import { type Account, type Engine, PostgresSession } from '../postgres/postgres-session.ts'
import { Turns } from '../postgres/turns.ts'

const port = 5432
const connectionsMax = 100

async function main(): Promise<void> {
  const { PGDATA, POSTGRES_USER: user = 'postgres', POSTGRES_DB: database = user } = process.env
  const { POSTGRES_PASSWORD, POSTGRES_HOST_AUTH_METHOD } = process.env
  const root = PodRoot.of(process.env)
  const dataDir = PGDATA ? root.path(PGDATA) : undefined
  const isFresh = dataDir === undefined || !existsSync(`${dataDir}/PG_VERSION`)
  const db = await PGlite.create({ ...(dataDir && { dataDir }) })
  if (isFresh) await initialize(db, root.path('/docker-entrypoint-initdb.d'))
  const { rows } = await db.query<{ server_version: string }>('SHOW server_version')
  const engine: Engine = {
    version: rows[0]!.server_version,
    run: (bytes, onRawData) => db.execProtocolRawStream(bytes, { onRawData }),
  }
  const trusts = POSTGRES_HOST_AUTH_METHOD === 'trust' || !POSTGRES_PASSWORD
  const account: Account = { user, database, ...(!trusts && { password: POSTGRES_PASSWORD }) }
  serve(db, engine, account)
}

async function initialize(db: PGlite, folder: string): Promise<void> {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)
    .filter(name => name.endsWith('.sql'))
    .sort()) {
    console.log(`running ${name}`)
    await db.exec(readFileSync(`${folder}/${name}`, 'utf8'))
  }
}

function serve(db: PGlite, engine: Engine, account: Account): void {
  const turns = new Turns()
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer(socket => {
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    const session = new PostgresSession(socket, { engine, turns, account, id: ++count })
    // it never fails by what its client does: then the database has, and this program ends
    void session.serve()
  })
  server.maxConnections = connectionsMax
  server.listen(port, () => console.log('database system is ready to accept connections'))
  process.once('SIGTERM', () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    void turns.take(server).then(() => db.close())
  })
}

void main()

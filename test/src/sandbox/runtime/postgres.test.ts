import { rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { Client, Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerRun, PodPlace } from '../../../../src/sandbox/pod-runtime.ts'
import { MessageReader, message, ReadyWatch } from '../../../../src/sandbox/runtime/postgres/messages.ts'
import type { ProcessRuntime } from '../../../../src/sandbox/runtime/process-runtime.ts'
import { repository } from '../../../e2e/support/environment.ts'
import { buildPostgres, buildRuntimePrograms } from './built-programs.ts'
import { container, never, podRequest, printed, startRuntime } from './running-pod.ts'

describe('messages', () => {
  const frames = fc.array(fc.tuple(fc.constantFrom('Q', 'T', 'Z', 'C', 'n'), fc.uint8Array({ maxLength: 9 })), {
    minLength: 1,
  })
  const cut = (bytes: Buffer, sizes: number[]) => {
    const pieces: Buffer[] = []
    for (let at = 0, index = 0; at < bytes.length; index++) {
      const size = sizes[index % sizes.length]!
      pieces.push(bytes.subarray(at, at + size))
      at += size
    }
    return pieces
  }
  const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 })
  const whole = (all: [string, Uint8Array][]) =>
    all.map(([type, body]) => message(type, type === 'Z' ? Buffer.from('ITE'[body.length % 3]!) : Buffer.from(body)))

  it('are read whole, whatever the pieces', () => {
    fc.assert(
      fc.property(frames, sizes, (all, sizes) => {
        const expected = whole(all)
        const reader = new MessageReader()
        reader.started()
        const read: Buffer[] = []
        for (const piece of cut(Buffer.concat(expected), sizes)) {
          reader.add(piece)
          for (let next = reader.next(); next; next = reader.next()) read.push(Buffer.from(next.bytes))
        }
        expect(read).toEqual(expected)
      }),
    )
  })

  it('tell the state of the transaction, whatever the pieces', () => {
    fc.assert(
      fc.property(frames, sizes, (all, sizes) => {
        const watch = new ReadyWatch()
        for (const piece of cut(Buffer.concat(whole(all)), sizes)) watch.add(piece)
        const last = all.findLast(([type]) => type === 'Z')
        expect(watch.state).toBe(last && 'ITE'[last[1].length % 3])
      }),
    )
  })
})

describe('the image postgres', () => {
  let runtime: ProcessRuntime
  let pod: PodPlace
  let run: ContainerRun
  let forward: Server
  let postgres: string
  const env = { POSTGRES_USER: 'app', POSTGRES_PASSWORD: 'secret', POSTGRES_DB: 'shop' }
  let config: { host: string; port: number; user: string; password: string; database: string }

  const start = () =>
    pod.start(
      container({
        image: 'postgres:18',
        env: { ...env, PGDATA: '/data/db' },
        mounts: [
          { volume: 'data', path: '/data', readOnly: false },
          { volume: 'scripts', path: '/docker-entrypoint-initdb.d', readOnly: true },
        ],
      }),
      never,
    )

  beforeAll(async () => {
    // beside what it loads
    postgres = await buildPostgres(join(repository, 'node_modules/.cache'))
    runtime = await startRuntime({ ...(await buildRuntimePrograms()), postgres })
    const sql = 'create table item (id serial primary key, name text); insert into item (name) values ($$first$$)'
    pod = await runtime.openPod(
      podRequest('postgres', {
        volumes: [
          { name: 'data', source: { type: 'emptyDir' } },
          {
            name: 'scripts',
            source: { type: 'files', files: [{ path: 'a.sql', content: Buffer.from(sql), mode: 0o644 }] },
          },
        ],
      }),
      never,
    )
    run = await start()
    await printed(run, 'ready to accept connections')
    forward = createServer(client => {
      pod.dial(5432, never).then(
        server => {
          client.pipe(server).pipe(client)
          for (const end of [client, server]) end.on('error', () => end.destroy())
          client.on('close', () => server.destroy())
        },
        () => client.destroy(),
      )
    })
    await new Promise<void>(resolve => forward.listen(0, '127.0.0.1', resolve))
    const { port } = forward.address() as { port: number }
    config = { host: '127.0.0.1', port, user: 'app', password: 'secret', database: 'shop' }
  })
  afterAll(async () => {
    forward?.close()
    await runtime?.close()
    rmSync(postgres, { force: true })
  })

  async function withClient<T>(work: (client: Client) => Promise<T>, more: object = {}): Promise<T> {
    const client = new Client({ ...config, ...more })
    client.on('error', () => {})
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }

  it('is a PostgreSQL, with what its scripts made', async () => {
    const rows = await withClient(async client => (await client.query('select id, name from item')).rows)
    expect(rows).toEqual([{ id: 1, name: 'first' }])
    const [{ version }] = await withClient(async client => (await client.query('select version()')).rows)
    expect(version).toMatch(/^PostgreSQL \d+/)
  })

  it('lets in who knows the password', async () => {
    const tries = [{ password: 'wrong' }, { user: 'other' }, { database: 'other' }]
    const codes = await Promise.all(tries.map(more => withClient(async () => 'in', more).catch(error => error.code)))
    expect(codes).toEqual(['28P01', '28000', '3D000'])
  })

  it('keeps what many clients ask apart', async () => {
    const pool = new Pool({ ...config, max: 8 })
    const asked = Array.from({ length: 60 }, async (_, index) => {
      // one text for all, and a name that every connection uses
      const query = { name: 'same', text: 'select $1::int * $2::int as product', values: [index, index + 1] }
      return (await pool.query(index % 2 ? query : { ...query, name: undefined })).rows[0].product
    })
    expect(await Promise.all(asked)).toEqual(asked.map((_, index) => index * (index + 1)))
    await pool.end()
  })

  it('shows a transaction to nobody before it is committed', async () => {
    await withClient(async one => {
      await one.query('begin')
      await one.query("insert into item (name) values ('unseen')")
      const other = withClient(async two => (await two.query('select count(*)::int as n from item')).rows[0].n)
      await expect(one.query('select nope')).rejects.toMatchObject({ code: '42703' })
      await one.query('rollback')
      expect(await other).toBe(1)
    })
  })

  it('rolls back what a client leaves behind', async () => {
    const gone = new Client(config)
    gone.on('error', () => {})
    await gone.connect()
    await gone.query('begin')
    await gone.query("insert into item (name) values ('left')")
    ;(gone as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    expect(
      await withClient(async client => (await client.query('select count(*)::int as n from item')).rows[0].n),
    ).toBe(1)
  })

  it('refuses what would end it, and goes on', async () => {
    await withClient(async client => {
      await expect(client.query('copy item from stdin')).rejects.toMatchObject({ code: '0A000' })
      await expect(client.query({ text: 'copy item from stdin', values: [] })).rejects.toMatchObject({ code: '0A000' })
      expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    })
    const noise = connect(config.port, config.host, () => noise.write(Buffer.alloc(64, 0xff)))
    const closed = new Promise(resolve => noise.on('close', resolve))
    noise.on('error', () => {}).resume()
    await closed
    expect(await withClient(async client => (await client.query('select 2 as two')).rows)).toEqual([{ two: 2 }])
  })

  it('has its data again after a restart', async () => {
    await withClient(client => client.query("insert into item (name) values ('kept')"))
    await run.stop(60_000)
    expect((await run.exited).exitCode).toBe(0)
    run = await start()
    expect(await printed(run, 'ready to accept connections')).not.toContain('running a.sql')
    const rows = await withClient(async client => (await client.query('select name from item order by id')).rows)
    expect(rows.map(({ name }) => name)).toEqual(['first', 'kept'])
  })
})

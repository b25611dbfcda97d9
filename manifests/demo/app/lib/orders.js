// node-postgres as one file: the pod needs no npm. `npm run build` makes it.
import pg from './pg.cjs'

const itemCharsMax = 80
const listMax = 20

// where and as whom: PGHOST, PGUSER, PGPASSWORD, PGDATABASE, which the workload has in the cluster
const pool = new pg.Pool({ max: 4, connectionTimeoutMillis: 5000 })
pool.on('error', error => console.error(`database: ${error.message}`))

// no PostgreSQL answered, or it said cannot_connect_now
const isStarting = error => error.severity === undefined || error.code === '57P03'
const retryMs = 250
const triesMax = 120

let schema

/** The newest first. */
export async function listOrders() {
  const { rows } = await query('select id, item, packed_at from orders order by id desc limit $1', [listMax])
  return rows
}

export async function placeOrder(item) {
  if (!item || item.length > itemCharsMax) {
    throw Object.assign(new Error(`an order has 1 to ${itemCharsMax} characters`), { status: 400 })
  }
  const { rows } = await query('insert into orders (item) values ($1) returning id, item, packed_at', [item])
  return rows[0]
}

/** The oldest order that waits, now packed; undefined where none does. Two workers never get the same. */
export async function packNext() {
  const { rows } = await query(`
    update orders set packed_at = now()
    where id = (select id from orders where packed_at is null order by id limit 1 for update skip locked)
    returning id, item, packed_at`)
  return rows[0]
}

async function query(text, values) {
  schema ??= makeSchema()
  try {
    await schema
  } catch (error) {
    schema = undefined
    throw error
  }
  return await pool.query(text, values)
}

/** A database that is just starting is waited for. */
async function makeSchema() {
  for (let tries = 1; ; tries++) {
    try {
      return await pool.query(`
        create table if not exists orders (
          id integer generated always as identity primary key,
          item text not null,
          packed_at timestamptz
        )`)
    } catch (error) {
      if (!isStarting(error) || tries === triesMax) throw error
      if (tries === 1) console.log('waiting for the database')
      await new Promise(resolve => setTimeout(resolve, retryMs))
    }
  }
}

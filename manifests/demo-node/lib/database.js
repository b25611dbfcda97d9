import { connect } from 'node:net'

// SSLRequest: length 8, code 80877103. A PostgreSQL server answers it with one byte, S or N, before any login
// (PostgreSQL documentation, "Message Formats").
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

/** Asks whether a PostgreSQL server answers at DATABASE_HOST; needs no driver and no login. */
export function databaseState() {
  const host = process.env.DATABASE_HOST ?? 'postgres'
  const port = Number(process.env.DATABASE_PORT ?? 5432)
  return new Promise(resolve => {
    const socket = connect({ host, port, timeout: 2000 })
    const end = state => {
      socket.destroy()
      resolve({ host, port, state })
    }
    socket.on('connect', () => socket.write(sslRequest))
    socket.on('data', bytes => end(bytes[0] === 0x53 || bytes[0] === 0x4e ? 'answers' : 'not PostgreSQL'))
    socket.on('timeout', () => end('timeout'))
    socket.on('error', error => end(error.code))
  })
}

import { EventEmitter, once } from 'node:events'
import { connect } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { ReverseListeners } from '../../../syncer/agent/services/reverse.ts'
import { systemTimers } from '../../../syncer/base/clock.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import { freePort } from '../../e2e/support/ports.ts'

/** What a listener needs of the stream that asks for it. */
class AskingStream extends EventEmitter {
  destroyed = false
  wasAccepted = false

  accept(): void {
    this.wasAccepted = true
  }

  resume(): void {}

  reset(): void {
    this.destroyed = true
    this.emit('close')
  }
}

it('listens where the laptop asked again while the port was being opened', async () => {
  const port = await freePort()
  const listeners = new ReverseListeners(systemTimers)
  onTestFinished(() => listeners.close())
  const [first, second] = [new AskingStream(), new AskingStream()]
  const never = { opened: () => new Promise(() => {}), destroy: () => {} } as unknown as MuxStream
  const ask = (stream: AskingStream) =>
    listeners.serve({ kind: 'listen', port }, stream as unknown as MuxStream, () => never)
  const asked = [ask(first), ask(second)]
  first.reset()
  await Promise.all(asked)
  expect(second.wasAccepted).toBe(true)
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
})

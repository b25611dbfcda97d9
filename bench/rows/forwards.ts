import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { RunningCommand } from '../../test/e2e/support/command.ts'
import { freePort, isListening } from '../../test/e2e/support/ports.ts'
import { until } from '../../test/e2e/support/until.ts'
import type { Bench } from '../bench.ts'
import { comparison, type Figure, median, type Pair } from '../figures.ts'
import { emptyPlan, serverPort } from '../ground.ts'

const transferBytes = 128 * 1024 * 1024
const roundTrips = 400

/** One TCP server in the pod, reached through our forward and through `kubectl port-forward`, in turns. */
export async function measureForwards({ ground, options: { rounds } }: Bench): Promise<Figure[]> {
  await ground.begin(emptyPlan, { hasForward: true })
  const server = await ground.handInPod()
  await server.call('serve', { port: serverPort })
  const theirPort = await freePort()
  const { kubeconfig, namespace } = ground.kubectl
  const forward = ['port-forward', await ground.podName(), `${theirPort}:${serverPort}`]
  await using peer = new RunningCommand('kubectl', ['--kubeconfig', kubeconfig, '-n', namespace, ...forward])
  await until(`kubectl port-forward listens: ${peer.stderr}`, () => isListening(theirPort))

  const up: Pair[] = []
  const down: Pair[] = []
  const trip: Pair[] = []
  for (let round = 0; round < rounds; round++) {
    const ports = round % 2 === 0 ? [ground.forwardedPort, theirPort] : [theirPort, ground.forwardedPort]
    const pairOf = async (measure: (port: number) => Promise<number>): Promise<Pair> => {
      const [a, b] = [await measure(ports[0]!), await measure(ports[1]!)]
      return round % 2 === 0 ? { ours: a, theirs: b } : { ours: b, theirs: a }
    }
    up.push(await pairOf(upload))
    down.push(await pairOf(download))
    trip.push(await pairOf(roundTrip))
  }
  return [
    comparison('forward, laptop → pod', 'MB/s', 'kubectl', up),
    comparison('forward, pod → laptop', 'MB/s', 'kubectl', down),
    comparison('forward, round trip of 64 bytes', 'ms', 'kubectl', trip),
  ]
}

/** @returns MB/s until the server has said that it took everything */
async function upload(port: number): Promise<number> {
  using line = await Line.open(port, 'u', transferBytes)
  const block = Buffer.alloc(256 * 1024, 'podswap ')
  const started = performance.now()
  for (let left = transferBytes; left > 0; left -= block.length) {
    await line.send(left < block.length ? block.subarray(0, left) : block)
  }
  await line.take(1)
  return transferBytes / 1e6 / ((performance.now() - started) / 1000)
}

async function download(port: number): Promise<number> {
  const started = performance.now()
  using line = await Line.open(port, 'd', transferBytes)
  await line.take(transferBytes)
  return transferBytes / 1e6 / ((performance.now() - started) / 1000)
}

/** @returns the median, in ms */
async function roundTrip(port: number): Promise<number> {
  using line = await Line.open(port, 'e', 0)
  const message = Buffer.alloc(64, 'x')
  const trips: number[] = []
  for (let i = 0; i < roundTrips; i++) {
    const started = performance.now()
    await line.send(message)
    await line.take(message.length)
    trips.push(performance.now() - started)
  }
  return median(trips)
}

/** A connection to the hand's server; see `serve` in hand.cjs. */
class Line implements Disposable {
  readonly #socket: Socket
  #receivedBytes = 0
  #wake = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    for (const event of ['error', 'close', 'drain']) socket.on(event, () => this.#wake())
    socket.on('data', bytes => {
      this.#receivedBytes += bytes.length
      this.#wake()
    })
  }

  static async open(port: number, kind: 'e' | 'u' | 'd', sizeBytes: number): Promise<Line> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    const line = new Line(socket)
    const header = Buffer.alloc(9)
    header.write(kind, 'latin1')
    header.writeBigUInt64BE(BigInt(sizeBytes), 1)
    socket.write(header)
    return line
  }

  /** Waits for so many bytes and takes them. */
  async take(count: number): Promise<void> {
    while (this.#receivedBytes < count) {
      await this.#news(`${count - this.#receivedBytes} bytes early`)
    }
    this.#receivedBytes -= count
  }

  /** Resolves when more may be sent. */
  async send(bytes: Buffer): Promise<void> {
    this.#socket.write(bytes)
    while (this.#socket.writableNeedDrain) await this.#news('before everything was sent')
  }

  async #news(lost: string): Promise<void> {
    if (this.#socket.destroyed) throw new Error(`the connection ended ${lost}`)
    await new Promise<void>(resolve => {
      this.#wake = resolve
    })
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

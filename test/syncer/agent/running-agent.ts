import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, constants, copyFileSync, openSync, readFileSync } from 'node:fs'
import { connect, Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { build } from 'esbuild'
import { agentFiles } from '../../../syncer/agent/agent-context.ts'
import { JoinedPipes } from '../../../syncer/agent/joined-pipes.ts'
import { AgentClient } from '../../../syncer/wire/client.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import { initProgram } from '../../native/init-program.ts'
import { LocalPod } from '../pod/local-pod.ts'

export interface Bundle {
  content: Buffer
  sha256: string
}

/** The agent as it is delivered; `version` makes one that differs from others. */
export async function buildAgent(version = ''): Promise<Bundle> {
  const result = await build({
    entryPoints: ['syncer/agent.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    write: false,
    banner: { js: `// ${version}` },
  })
  const content = Buffer.from(result.outputFiles[0]!.contents)
  return { content, sha256: createHash('sha256').update(content).digest('hex') }
}

/** A connection to an agent, from the laptop's side. */
export interface Attached {
  client: AgentClient
  mux: Mux
  /** The attaching process. */
  process: ChildProcess
}

/** The agent under `init boot`, as in a dev container, in a temporary folder. */
export class RunningAgent {
  readonly files
  private readonly pod: LocalPod
  private readonly bundle: Bundle
  private readonly attached: Attached[] = []
  private pipes = 0

  private constructor(pod: LocalPod, bundle: Bundle) {
    this.pod = pod
    this.bundle = bundle
    this.files = agentFiles(pod.home)
  }

  static async start(bundle: Bundle): Promise<RunningAgent> {
    const pod = await LocalPod.create()
    copyFileSync(initProgram!, join(pod.home, 'init'))
    pod.boot()
    return new RunningAgent(pod, bundle)
  }

  get home(): string {
    return this.pod.home
  }

  get pid(): number {
    return this.pod.running().pid
  }

  get log(): string {
    return readFileSync(this.files.log, 'utf8')
  }

  /** Attaches by pipes, as a container runtime gives them, or by sockets, which the agent cannot open. */
  async attach(options: { by?: 'pipes' | 'sockets'; bundle?: Bundle } = {}): Promise<Attached> {
    const { process, carrier } = options.by === 'sockets' ? this.spawnOnSockets() : this.spawnOnPipes()
    await shakeHands(carrier, options.bundle ?? this.bundle)
    const mux = new Mux({ carrier, side: 'laptop' })
    const attached = { client: new AgentClient(mux), mux, process }
    this.attached.push(attached)
    return attached
  }

  /** A plain connection to the agent's socket. */
  dial(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.files.socket, () => resolve(socket))
      socket.once('error', reject)
    })
  }

  get token(): string {
    return readFileSync(this.files.token, 'utf8')
  }

  async stop(): Promise<void> {
    for (const { mux } of this.attached) await mux.close()
    await this.pod.dispose()
  }

  private spawnOnPipes(): { process: ChildProcess; carrier: Duplex } {
    const input = this.pipe()
    const output = this.pipe()
    const child = this.spawnAttach([input.reader, output.writer])
    closeSync(input.reader)
    closeSync(output.writer)
    const carrier = new JoinedPipes(
      new Socket({ fd: output.reader, readable: true, writable: false }),
      new Socket({ fd: input.writer, readable: false, writable: true }),
    )
    return { process: child, carrier }
  }

  private spawnOnSockets(): { process: ChildProcess; carrier: Duplex } {
    const child = this.spawnAttach(['pipe', 'pipe'])
    return { process: child, carrier: new JoinedPipes(child.stdout as Socket, child.stdin as unknown as Socket) }
  }

  private spawnAttach(stdio: (number | 'pipe')[]): ChildProcess {
    const command = ['exec', process.execPath, join(this.home, 'attach.cjs')]
    return spawn(initProgram!, command, { stdio: [...stdio, 'inherit'] })
  }

  private pipe(): { reader: number; writer: number } {
    const path = join(this.home, `pipe${this.pipes++}`)
    execFileSync('mkfifo', [path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    return { reader, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) }
  }
}

async function shakeHands(carrier: Duplex, bundle: Bundle): Promise<void> {
  const { sha256, content } = bundle
  carrier.write(`${JSON.stringify({ v: 1, bundle: sha256, size: content.length, hello: { lane: 'control' } })}\n`)
  let line = await readLine(carrier)
  if (line === 'NEED') {
    carrier.write(content)
    line = await readLine(carrier)
  }
  if (line !== 'READY') throw new Error(`attach says ${line}`)
}

/** Nothing follows a line before it was answered, so a line is what has arrived. */
function readLine(carrier: Duplex): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const gone = () => reject(new Error(`the attaching process ended: ${text}`))
    const take = (chunk: Buffer) => {
      text += chunk
      if (!text.endsWith('\n')) return
      carrier.off('data', take).off('close', gone).pause()
      resolve(text.trimEnd())
    }
    carrier.on('data', take).on('close', gone).resume()
  })
}

// Runs as each exec of ours: `init exec ld --library-path lib node attach.cjs`. Brings the bundle where it is missing,
// then hands its stdin and stdout to the agent. Where `init` stays in its place it ends with that: a Node that only waits
// takes 40 MB.
//
//   laptop → {"v":1,"bundle":SHA256,"size":BYTES,"hello":…}\n
//   attach → NEED\n            only where the bundle is not here; laptop → BYTES of bundle
//   attach → READY\n           then stdin and stdout are the agent's; or ERROR text\n and exit code 1
import type { Socket } from 'node:net'
import { awaitAgent } from './await-agent.ts'
import { type Header, parseHeader } from './header.ts'
import { makePrivateFolder, podFiles, readIfThere, writeWhole } from './pod-files.ts'
import { relay } from './relay.ts'
import { readExactly, readLine, writeLine } from './stdio.ts'

const headerBytesMax = 64 * 1024
const answerBytesMax = 4 * 1024
/** `HELD` of `native/init.c`. */
const heldCode = 75

const files = podFiles(__dirname)

async function run(): Promise<void> {
  const { agent, header } = await prepare().catch(error => fail(error, text => writeLine(`ERROR ${text}`)))
  // the agent may speak as soon as it knows our pid
  writeLine('READY')
  await handOver(agent, header).catch(error => fail(error, text => process.stderr.write(`podswap: ${text}\n`)))
}

async function prepare(): Promise<{ agent: Socket; header: Header }> {
  const header = parseHeader(readLine(headerBytesMax))
  makePrivateFolder(files)
  await deliver(header)
  writeWhole(files.current, header.bundle)
  return { agent: await awaitAgent(files, header), header }
}

function fail(error: unknown, say: (text: string) => void): never {
  say((error instanceof Error ? error.message : String(error)).replaceAll('\n', ' '))
  process.exit(1)
}

async function deliver({ bundle, size }: Header): Promise<void> {
  const { createHash } = await import('node:crypto')
  const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')
  const here = readIfThere(files.bundle(bundle))
  if (here !== null && sha256(here) === bundle) return
  writeLine('NEED')
  const content = readExactly(size)
  if (sha256(content) !== bundle) throw new Error('the bundle arrived damaged')
  writeWhole(files.bundle(bundle), content)
}

/** Ends when the agent ends the attachment. */
async function handOver(agent: Socket, { hello }: Header): Promise<void> {
  const token = readIfThere(files.token)?.toString('latin1').trim()
  const held = isHeld()
  agent.write(`${JSON.stringify({ token, pid: held ? process.ppid : process.pid, held, hello })}\n`)
  const { line, rest } = await readAnswer(agent)
  const answer: { ok?: string; error?: string } = JSON.parse(line)
  if (answer.ok === 'relay') return relay(agent, rest)
  if (answer.ok === 'held') process.exit(heldCode)
  if (answer.ok !== 'fd') throw new Error(`the agent refused: ${answer.error ?? line}`)
  agent.resume()
  await new Promise(resolve => agent.once('close', resolve))
  process.exit(0)
}

/** Run by an `init exec` that stays when this ends with {@link heldCode}; an older one has become this process. */
function isHeld(): boolean {
  const [program, verb] = readIfThere(`/proc/${process.ppid}/cmdline`)?.toString('latin1').split('\0') ?? []
  return verb === 'exec' && program !== undefined && /(^|\/)init[^/]*$/.test(program)
}

/** The first line, and what came behind it. */
function readAnswer(agent: Socket): Promise<{ line: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0)
    const gone = () => reject(new Error('the agent ended the attachment'))
    agent.on('close', gone).on('data', take)

    function take(chunk: Buffer): void {
      held = Buffer.concat([held, chunk])
      const end = held.indexOf('\n')
      if (end < 0 && held.length <= answerBytesMax) return
      agent.pause().off('data', take).off('close', gone)
      if (end < 0) reject(new Error('the agent answers without an end'))
      else resolve({ line: held.toString('utf8', 0, end), rest: held.subarray(end + 1) })
    }
  })
}

void run()

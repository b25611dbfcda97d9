import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Header } from './header.ts'
import { type PodFiles, type Running, readIfThere } from './pod-files.ts'

const waitMsMax = 10_000
const lookIntervalMs = 20
/** An agent that was asked to retire and has not after this is taken for hung; what it started lives on without it. */
const retireMsMax = 3_000
/** So long it may say no: an agent that is just ending takes nobody either. */
const refusalMs = 1_000
const answerCharsMax = 4_096

/** A connection to the agent that runs the header's bundle. An agent of another version is made to retire first. */
export async function awaitAgent(files: PodFiles, header: Header): Promise<Socket> {
  const begun = performance.now()
  let asked: { running: Running; at: number } | undefined
  let refusedAt: number | undefined
  for (let now = begun; now - begun < waitMsMax; now = performance.now()) {
    const socket = readRunning(files) && (await dial(files.socket))
    // read again: the one that was there before is not necessarily the one that answered
    const running = readRunning(files)
    if (socket && running?.bundle === header.bundle) return socket
    if (socket && running && asked?.running.pid !== running.pid) {
      const refusal = await retire(socket, files, header)
      asked = refusal === undefined ? { running, at: now } : undefined
      refusedAt = refusal === undefined ? undefined : (refusedAt ?? now)
      if (refusedAt !== undefined && now - refusedAt > refusalMs) {
        throw new Error(`the agent does not make room for another version: ${refusal}`)
      }
    }
    socket?.destroy()
    if (asked && now - asked.at > retireMsMax) killAgent(files, asked.running)
    await sleep(lookIntervalMs)
  }
  throw new Error(`the agent did not start within ${waitMsMax / 1000} s: see the log of this container`)
}

function readRunning(files: PodFiles): Running | null {
  const text = readIfThere(files.running)?.toString()
  return text ? JSON.parse(text) : null
}

/** null where nobody listens (yet). */
function dial(path: string): Promise<Socket | null> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('error', () => resolve(null))
    socket.once('connect', () => resolve(socket.removeAllListeners('error').on('error', () => {})))
  })
}

/** Resolves when the old agent has gone or a while has passed, or with its words where it answers that it will not. */
function retire(socket: Socket, files: PodFiles, { hello }: Header): Promise<string | undefined> {
  const token = readIfThere(files.token)?.toString('latin1').trim()
  socket.write(`${JSON.stringify({ token, retire: true, hello })}\n`)
  return new Promise(resolve => {
    let answer = ''
    const late = setTimeout(() => settle(), retireMsMax)
    const settle = (refusal?: string) => {
      clearTimeout(late)
      resolve(refusal)
    }
    socket.once('close', () => settle())
    socket.on('data', chunk => {
      answer = (answer + chunk).slice(0, answerCharsMax)
      const { error } = answer.includes('\n') ? JSON.parse(answer.slice(0, answer.indexOf('\n'))) : {}
      if (error) settle(String(error))
    })
  })
}

function killAgent(files: PodFiles, { pid }: Running): void {
  try {
    // the number may be somebody else's by now
    if (readFileSync(`/proc/${pid}/cmdline`).includes(files.boot)) process.kill(pid, 'SIGKILL')
  } catch {
    // it is gone
  }
}

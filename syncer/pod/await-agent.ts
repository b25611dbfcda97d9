import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Header } from './header.ts'
import { type PodFiles, type Running, readIfThere } from './pod-files.ts'

const waitMsMax = 10_000
const lookIntervalMs = 20
/** An agent that was asked to retire and has not after this is taken for hung; what it started lives on without it. */
const retireMsMax = 3_000
const answerCharsMax = 4_096

/** A connection to the agent that runs the header's bundle. An agent of another version is made to retire first. */
export async function awaitAgent(files: PodFiles, header: Header): Promise<Socket> {
  const start = performance.now()
  let asked: { running: Running; at: number } | undefined
  while (performance.now() - start < waitMsMax) {
    const socket = readRunning(files) && (await dial(files.socket))
    // read again: the one that was there before is not necessarily the one that answered
    const running = readRunning(files)
    if (socket && running?.bundle === header.bundle) return socket
    if (socket && running && asked?.running.pid !== running.pid) {
      asked = { running, at: performance.now() }
      await retire(socket, files, header)
    }
    socket?.destroy()
    if (asked && performance.now() - asked.at > retireMsMax) killAgent(files, asked.running)
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

/** Done when the old agent has gone or a while has passed; fails where it answers that it will not. */
function retire(socket: Socket, files: PodFiles, { hello }: Header): Promise<void> {
  const token = readIfThere(files.token)?.toString('latin1').trim()
  socket.write(`${JSON.stringify({ token, retire: true, hello })}\n`)
  return new Promise((resolve, reject) => {
    let answer = ''
    const late = setTimeout(resolve, retireMsMax)
    socket.once('close', () => {
      clearTimeout(late)
      resolve()
    })
    socket.on('data', chunk => {
      answer = (answer + chunk).slice(0, answerCharsMax)
      const refusal = answer.includes('\n') && JSON.parse(answer.slice(0, answer.indexOf('\n'))).error
      if (!refusal) return
      clearTimeout(late)
      reject(new Error(`the agent does not make room for another version: ${refusal}`))
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

import { connect, type Socket } from 'node:net'
import type { NetworkAnswer, NetworkQuestion } from './network-config.ts'

const answerBytesMax = 64 * 1024

/**
 * Asks the name server. The answer is an empty one where it is gone: then the pod will be, too. Answers the connection,
 * which the caller may keep.
 */
export function ask(path: string, question: NetworkQuestion, answered: (answer: NetworkAnswer) => void): Socket {
  const socket = connect(path)
  const chunks: Buffer[] = []
  let isDone = false
  const settle = (answer: NetworkAnswer) => {
    if (isDone) return
    isDone = true
    answered(answer)
  }
  socket.on('error', () => {})
  socket.on('close', () => settle({}))
  socket.on('data', chunk => {
    chunks.push(chunk)
    const text = Buffer.concat(chunks)
    if (text.length > answerBytesMax) socket.destroy()
    else if (text.includes('\n')) settle(JSON.parse(text.toString()))
  })
  socket.write(`${JSON.stringify(question)}\n`)
  return socket
}

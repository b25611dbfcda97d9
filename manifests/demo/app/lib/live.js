import { randomUUID } from 'node:crypto'
import { watch } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Of this process: a page that was made by another one is out of date, for the code has changed.
const instance = randomUUID()
let changes = 0
const pages = new Set()
const pagesMax = 100
const retryMs = 200
const quietMs = 10

/** Holds the response open and tells the page what happens, as server-sent events. */
export function follow(response) {
  if (pages.size >= pagesMax) return response.writeHead(503).end()
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(`retry: ${retryMs}\n${eventText('version', version())}`)
  pages.add(response)
  response.on('close', () => pages.delete(response))
}

export function tell(event, data = 'now') {
  for (const page of pages) page.write(eventText(event, data))
}

/** Of the page: another one after every change of its files, and in every process. */
export function version() {
  return `${instance}.${changes}`
}

function eventText(event, data) {
  return `event: ${event}\ndata: ${data}\n\n`
}

let timer
watch(fileURLToPath(new URL('../public', import.meta.url)), () => {
  clearTimeout(timer)
  timer = setTimeout(() => {
    changes++
    tell('version', version())
  }, quietMs)
})

import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { greeting } from './greeting.js'
import { version } from './live.js'
import { whoami } from './whoami.js'

const folder = new URL('../public/', import.meta.url)
const types = { '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8' }

/** The page, from the template as it is now: a changed template shows in the next response, without a restart. */
export async function renderPage() {
  const values = { ...whoami(), greeting: greeting(), version: version() }
  const html = await readFile(new URL('index.html', folder), 'utf8')
  return html.replace(/{{(\w+)}}/g, (_, name) => values[name] ?? '')
}

/** A file that belongs to the page; what it may be is told by its name. */
export async function pageFile(pathname) {
  const type = types[extname(pathname)]
  const missing = { status: 404, type: 'text/plain', body: 'not found\n' }
  if (!type || !/^\/[\w-]+\.\w+$/.test(pathname)) return missing
  try {
    return { type, body: await readFile(new URL(pathname.slice(1), folder)) }
  } catch (error) {
    if (error.code === 'ENOENT') return missing
    throw error
  }
}

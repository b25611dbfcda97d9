import { readFile } from 'node:fs/promises'
import { greeting } from './greeting.js'

const template = new URL('../public/index.html', import.meta.url)

/** The page, from the template as it is now: a changed template shows in the next response, without a restart. */
export async function renderPage() {
  const text = greeting()
  const html = await readFile(template, 'utf8')
  return html.replace('{{greeting}}', text)
}

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CleanUp } from '../e2e/support/clean-up.ts'
import { DemoRun } from './demo-run.ts'

const executablePath = findChromium()
const canRun = process.platform !== 'win32' && executablePath !== undefined
if (!canRun) console.warn('SKIPPED, no Chromium on the PATH: the page of the demo is not tried in a browser')

/** `npm run demo -- --stay`, and somebody who has its page open in a browser. */
describe.runIf(canRun)('the page of the demo', { timeout: 300_000 }, () => {
  const stack = new CleanUp()
  let demo: DemoRun
  let page: Page
  let app: string

  beforeAll(async () => {
    demo = stack.use(new DemoRun(['--stay']))
    const profile = mkdtempSync(join(tmpdir(), 'podswap-page-'))
    stack.defer(() => rmSync(profile, { recursive: true, force: true }))
    const browser: Browser = await chromium.launch({
      executablePath: executablePath!,
      // in a container there may be neither the rights for its sandbox nor much shared memory
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
      env: { ...process.env, HOME: profile },
    })
    stack.defer(() => browser.close())
    page = await browser.newPage()
    page.setDefaultTimeout(60_000)
    const [url] = await demo.prints(/open {4}(http:\S+)/)
    const [template] = await demo.prints(/edit {4}(\S+)\/public\/index.html/)
    app = template!
    await page.goto(url!)
  }, 300_000)
  afterAll(() => stack[Symbol.asyncDispose](), 120_000)

  const edit = (file: string, from: string, to: string) => {
    const path = join(app, file)
    const text = readFileSync(path, 'utf8')
    expect(text).toContain(from)
    writeFileSync(path, text.replace(from, to))
  }

  it('shows what the laptop’s code says', async () => {
    await page.getByRole('heading', { name: 'Hello from your laptop, from an edit!' }).waitFor()
    await page.getByText('in place of release 41').waitFor()
  })

  it('changes by itself after an edit of the template, of the style, and of the code', async () => {
    edit('public/index.html', 'this is edit 5 of 5', 'seen in a browser')
    await page.getByText('seen in a browser').waitFor()
    edit('public/style.css', 'max-width: 36rem', 'max-width: 321px')
    await page.waitForFunction(`getComputedStyle(document.body).maxWidth === '321px'`)
    edit('lib/greeting.js', ', from an edit!`', ', seen in a browser!`')
    await page.getByRole('heading', { name: 'Hello from your laptop, seen in a browser!' }).waitFor()
    edit('lib/greeting.js', 'seen in a browser!`', 'seen again!`')
    await page.getByRole('heading', { name: 'Hello from your laptop, seen again!' }).waitFor()
  })

  it('takes an order, and shows when the worker has packed it', async () => {
    await page.getByPlaceholder('What may it be?').fill('<b>cake</b>')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.getByText('2 <b>cake</b>: packed').waitFor()
  })

  it('goes with Ctrl-C, and the workload is what it was', async () => {
    demo.signal('SIGINT')
    const { code, stdout, stderr } = await demo.finished()
    expect({ code, stderr }, stdout).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/the spec of deployment\/web is what it was/)
    await demo.leavesNothing()
  })
})

function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const folders = (process.env.PATH ?? '').split(delimiter)
  return names.flatMap(name => folders.map(folder => join(folder, name))).find(path => existsSync(path))
}

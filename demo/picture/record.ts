// `npm run picture`: records a real session on the embedded cluster, and draws it.
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type IPty, spawn } from '@lydell/node-pty'
import { DemoCluster } from '../cluster.ts'
import { until } from '../until.ts'
import { drawRecording } from './draw.ts'
import { type Pane, picturePath, type Recording, recordingPath, recordingText } from './recording.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const panes: Pane[] = [
  { title: '~/kiosk', columns: 96, rows: 22 },
  { title: '~/kiosk, another terminal', columns: 96, rows: 12 },
]
const [keyMs, readMs] = [28, 900]
const prompt = '$ '

/** A shell in a terminal, whose output is told as it comes. */
class TypedShell {
  readonly #pty: IPty
  /** Since the last command. */
  #output = ''

  constructor(pane: Pane, options: { cwd: string; env: NodeJS.ProcessEnv; onData: (data: string) => void }) {
    const { columns: cols, rows } = pane
    const { cwd, env } = options
    this.#pty = spawn('bash', ['--norc', '--noprofile'], { name: 'xterm-256color', cols, rows, cwd, env })
    this.#pty.onData(data => {
      this.#output += data
      options.onData(data)
    })
  }

  /** Waits for the prompt, and types as a person does. */
  async type(text: string): Promise<void> {
    await this.shows(prompt)
    await pause(readMs)
    for (const key of text) {
      this.#pty.write(key)
      await pause(keyMs)
    }
    this.#output = ''
    this.#pty.write('\r')
  }

  async shows(text: string): Promise<void> {
    const isShown = () => {
      if (this.#output.includes('hint: ')) return 'an error'
      return this.#output.includes(text) ? 'shown' : undefined
    }
    const signal = new AbortController().signal
    const seen = await until(`the terminal shows ${text}`, isShown, { signal, deadlineMs: 120_000 })
    if (seen !== 'shown') throw new Error(this.#output)
  }

  /** What is shown from now on. */
  forget(): void {
    this.#output = ''
  }

  close(): void {
    this.#pty.kill()
  }
}

async function record(): Promise<Recording> {
  const onWarning = () => {}
  await using cluster = await DemoCluster.start({ repository, onWarning })
  await cluster.deploy(['web', 'worker', 'postgres'], AbortSignal.timeout(120_000))
  const cwd = folderOfThePerson(cluster.runtime.folder)
  const env = {
    PATH: [join(cwd, '../bin'), process.env.PATH].join(delimiter),
    HOME: join(cwd, '..'),
    LANG: 'C.UTF-8',
    PS1: prompt,
    KUBECONFIG: cluster.kubeconfig,
    PODSWAP_HOME: join(cwd, '../state'),
  }
  const events: Recording['events'] = []
  const begin = performance.now()
  const shells = panes.map((pane, index) => {
    const onData = (data: string) =>
      void events.push({ atMs: Math.round(performance.now() - begin), pane: index, data })
    return new TypedShell(pane, { cwd, env, onData })
  })
  try {
    await play(shells[0]!, shells[1]!)
    return { panes, events }
  } finally {
    for (const shell of shells) shell.close()
  }
}

/** A copy of the app with its manifest, and `podswap` beside it; it goes with the cluster. */
function folderOfThePerson(root: string): string {
  const [folder, bin] = [join(root, 'person/kiosk'), join(root, 'person/bin')]
  cpSync(join(repository, 'manifests/demo/app'), join(folder, 'demo/app'), { recursive: true })
  cpSync(join(repository, 'manifests/dev.node.yml'), join(folder, 'dev.yml'))
  mkdirSync(bin)
  const cli = join(repository, 'dist/podswap.cjs')
  writeFileSync(join(bin, 'podswap'), `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`)
  chmodSync(join(bin, 'podswap'), 0o755)
  return folder
}

async function play(first: TypedShell, second: TypedShell): Promise<void> {
  await first.type('podswap up')
  await first.shows('listening on 8080')
  await second.type('curl -s localhost:8080 | grep h1')
  first.forget()
  await second.type("sed -i 's/!/, edited just now!/' demo/app/lib/greeting.js")
  await first.shows('listening on 8080')
  await second.type('curl -s localhost:8080 | grep h1')
  await second.type('curl -s -d coffee localhost:8080/orders; echo    # an order, in PostgreSQL')
  await second.type("podswap exec -- sh -c 'echo hi > from-pod.txt'; cat demo/app/from-pod.txt")
  first.forget()
  await second.type('podswap down')
  await second.shows('is back as it was')
  await first.shows(prompt)
}

const recording = await record()
writeFileSync(join(repository, recordingPath), recordingText(recording))
writeFileSync(join(repository, picturePath), await drawRecording(recording))

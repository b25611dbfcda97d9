import { accessSync, constants, mkdirSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type CommandOptions, runCommand } from '../../test/e2e/support/command.ts'
import { Hand } from '../../test/e2e/support/hand.ts'
import type { Contender } from './contender.ts'

const commandMs = 600_000

/** Whether a program is on the PATH. */
export function isInstalled(program: string, path = process.env.PATH ?? ''): boolean {
  return path.split(delimiter).some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** How a tool is called. */
interface Calls {
  /** Each a program with its arguments; in a folder of its own for what it remembers. */
  start(tree: string, target: string): string[][]
  bring(tree: string, target: string): string[][]
  restart(tree: string, target: string): string[][]
  end: string[][]
  watches: boolean
  /** Variables that name the folder for what it remembers. */
  homes: string[]
}

const session = 'podswap-bench'
const unison = (tree: string, target: string) => [
  [
    'unison',
    tree,
    target,
    '-ui',
    'text',
    '-batch',
    '-auto',
    '-silent',
    '-confirmbigdel=false',
    '-ignore',
    'Name .podswap',
  ],
]
// a copy on one machine would else be one of whole files
const rsync = (tree: string, target: string) => [
  ['rsync', '-a', '--delete', '--no-whole-file', `${tree}/`, `${target}/`],
]

const tools: Record<string, Calls> = {
  rsync: { start: rsync, bring: rsync, restart: rsync, end: [], watches: false, homes: [] },
  unison: { start: unison, bring: unison, restart: unison, end: [], watches: false, homes: ['UNISON'] },
  mutagen: {
    start: (tree, target) => [
      ['mutagen', 'sync', 'create', '--name', session, tree, target],
      ['mutagen', 'sync', 'flush', session],
    ],
    bring: () => [['mutagen', 'sync', 'flush', session]],
    restart: () => [
      ['mutagen', 'sync', 'pause', session],
      ['mutagen', 'sync', 'resume', session],
      ['mutagen', 'sync', 'flush', session],
    ],
    end: [
      ['mutagen', 'sync', 'terminate', session],
      ['mutagen', 'daemon', 'stop'],
    ],
    watches: true,
    homes: ['MUTAGEN_DATA_DIRECTORY'],
  },
}

export const toolNames = Object.keys(tools)

/** rsync, Unison, Mutagen: two folders of this machine. */
export class PlainContender implements Contender {
  readonly name: string
  readonly tree: string
  readonly target: string
  readonly hand: Hand
  readonly #calls: Calls
  readonly #home: string
  #isStarted = false

  constructor(name: string, below: string) {
    const folder = join(below, name)
    this.name = name
    this.tree = join(folder, 'tree')
    this.target = join(folder, 'target')
    this.#home = join(folder, 'home')
    this.#calls = tools[name]!
    this.hand = Hand.onLaptop()
  }

  get watches(): boolean {
    return this.#calls.watches
  }

  async reset(): Promise<void> {
    await this.#end()
    for (const folder of [this.tree, this.target, this.#home]) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
    }
  }

  async start(): Promise<void> {
    this.#isStarted = true
    await this.#run(this.#calls.start(this.tree, this.target))
  }

  async bring(): Promise<void> {
    await this.#run(this.#calls.bring(this.tree, this.target))
  }

  async restart(): Promise<void> {
    await this.#run(this.#calls.restart(this.tree, this.target))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end()
    await this.hand[Symbol.asyncDispose]()
  }

  async #end(): Promise<void> {
    if (!this.#isStarted) return
    this.#isStarted = false
    await this.#run(this.#calls.end)
  }

  async #run(commands: string[][]): Promise<void> {
    const homes = Object.fromEntries(this.#calls.homes.map(name => [name, this.#home]))
    const options: CommandOptions = { timeoutMs: commandMs, env: { ...process.env, ...homes } }
    for (const [program, ...args] of commands) {
      const { code, stdout, stderr } = await runCommand(program!, args, options)
      if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`)
    }
  }
}

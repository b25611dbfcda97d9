import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { RunningCommand } from '../e2e/support/command.ts'
import type { Laptop } from '../e2e/support/laptop.ts'
import { until } from '../e2e/support/until.ts'
import type { ShownCommand, Step } from './steps.ts'
import { shownLinePattern } from './steps.ts'

export interface Person {
  laptop: Laptop
  /** A kubeconfig's path. */
  kubeconfig: string
}

export interface GuideShellOptions {
  person: Person
  /** The built CLI: what `podswap` calls. */
  cli: string
  /** Ports of this machine as the guide names them → ports that are free. */
  ports: ReadonlyMap<number, number>
  environment?: NodeJS.ProcessEnv
}

const stepMs = 180_000
const patienceMs = 120_000

/** One person's shell and folder, in which the blocks of a guide are run one after another: `cd` and `export` stay. */
export class GuideShell implements AsyncDisposable {
  readonly folder: string
  readonly #options: GuideShellOptions
  readonly #state: string
  readonly #staying: { at: string; command: RunningCommand }[] = []

  constructor(options: GuideShellOptions) {
    const { laptop } = options.person
    this.#options = options
    this.folder = laptop.folder('project')
    this.#state = laptop.folder('shell')
    const bin = laptop.folder('bin', {
      podswap: `#!/bin/sh\nexec '${process.execPath}' '${options.cli}' "$@"\n`,
    })
    chmodSync(join(bin, 'podswap'), 0o755)
    // a folder is not synced as part of a repository that happens to lie above
    mkdirSync(join(this.folder, '.git'))
  }

  /** Does one step of a guide; fails with what was printed where it does not end as the guide says. */
  async run(step: Step): Promise<void> {
    if (step.kind === 'file') {
      const path = join(this.folder, step.path)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, this.#withPorts(step.text))
      if (step.text.startsWith('#!')) chmodSync(path, 0o755)
      return
    }
    for (const [index, shown] of step.commands.entries()) {
      const exit = index === step.commands.length - 1 ? step.exit : 0
      if (step.until !== undefined) await this.#stay(shown, step.at, step.until)
      else if (step.isEventual) await this.#runUntil(shown, step.at, exit)
      else fail(step.at, shown, exit, await this.#run(shown.script))
    }
  }

  /** Ends once everything that the guide left running has ended by itself. */
  async finished(): Promise<void> {
    for (const { at, command } of this.#staying) {
      await until(`what ${at} began has ended`, () => !command.running, { deadlineMs: patienceMs })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { command } of this.#staying) await command.kill()
  }

  async #stay(shown: ShownCommand, at: string, text: string): Promise<void> {
    const command = this.#start(shown.script)
    this.#staying.push({ at, command })
    command.child.stdin.end()
    const printed = () => command.stdout + command.stderr
    await until(`${at} prints ${text}`, () => printed().includes(text) || !command.running, { deadlineMs: stepMs })
    if (!printed().includes(text)) throw new Error(`${at} ended:\n${printed()}`)
    const missing = await until('all lines', () => missingLines(shown, printed()).length === 0, {
      deadlineMs: patienceMs,
    }).then(
      () => [],
      () => missingLines(shown, printed()),
    )
    if (missing.length > 0) throw new Error(`${at} does not print\n${missing.join('\n')}\nbut\n${printed()}`)
  }

  async #runUntil(shown: ShownCommand, at: string, exit: number): Promise<void> {
    let last: Result | undefined
    const isDone = async () => {
      last = await this.#run(shown.script)
      return last.code === exit && missingLines(shown, last.printed).length === 0
    }
    await until(at, isDone, { deadlineMs: patienceMs, everyMs: 200 }).catch(() => {})
    fail(at, shown, exit, last!)
  }

  async #run(script: string): Promise<Result> {
    const command = this.#start(script)
    command.child.stdin.end()
    const { code, stdout, stderr } = await command.finished(stepMs)
    return { code, printed: stdout + stderr }
  }

  #start(script: string): RunningCommand {
    const { laptop, kubeconfig } = this.#options.person
    const [env, cwd] = [join(this.#state, 'env'), join(this.#state, 'cwd')]
    const whole = [
      existsSync(env) ? `. '${env}'; cd "$(cat '${cwd}')"` : '',
      `trap 'code=$?; export -p > "${env}"; pwd > "${cwd}"; exit $code' EXIT`,
      'set -eo pipefail',
      this.#withPorts(script),
    ].join('\n')
    return new RunningCommand('bash', ['-c', whole], {
      cwd: this.folder,
      env: {
        PATH: [join(laptop.root, 'bin'), process.env.PATH].join(delimiter),
        LANG: 'C.UTF-8',
        HOME: join(laptop.root, 'home'),
        USER: 'ann',
        TMPDIR: laptop.temp,
        KUBECONFIG: kubeconfig,
        PODSWAP_HOME: laptop.state,
        ...this.#options.environment,
      },
    })
  }

  /** A port that a guide names may be taken on this machine. */
  #withPorts(text: string): string {
    return text
      .replace(/\blocalhost:(\d+)\b/g, (all, port) => this.#port('localhost:', port) ?? all)
      .replace(/^(\s*- )(\d+)(?=:(\w+:)?\d+)/gm, (all, dash, port) => this.#port(dash, port) ?? all)
  }

  #port(before: string, port: string): string | undefined {
    const free = this.#options.ports.get(Number(port))
    return free === undefined ? undefined : `${before}${free}`
  }
}

interface Result {
  code: number
  printed: string
}

function missingLines({ output }: ShownCommand, printed: string): string[] {
  return output.filter(line => !shownLinePattern(line).test(printed))
}

function fail(at: string, shown: ShownCommand, exit: number, { code, printed }: Result): void {
  if (code !== exit) throw new Error(`${at}: ${shown.script}\nended with ${code}, not ${exit}:\n${printed}`)
  const missing = missingLines(shown, printed)
  if (missing.length > 0)
    throw new Error(`${at}: ${shown.script}\ndoes not print\n${missing.join('\n')}\nbut\n${printed}`)
}

/** Whether this machine has the programs that the guides call. */
export async function hasPrograms(...names: string[]): Promise<boolean> {
  const found = names.map(
    name =>
      new Promise<boolean>(resolve => {
        const child = spawn('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' })
        child.on('error', () => resolve(false)).on('close', code => resolve(code === 0))
      }),
  )
  return (await Promise.all(found)).every(Boolean)
}

import { Command, type CommanderError } from 'commander'
import { version } from '../../package.json'
import { UserError } from '../../syncer/base/errors.ts'
import type { GlobalOptions, Invocation, Io } from './io.ts'

/** What a call came to: an exit code from a command, or nothing yet where only help was asked for. */
export interface Call {
  exitCode: number
}

/** Splits at the first `--`: what comes after it belongs to the command that runs in the pod. */
export function splitRest(argv: string[]): { own: string[]; rest: string[] | null } {
  const at = argv.indexOf('--')
  return at < 0 ? { own: argv, rest: null } : { own: argv.slice(0, at), rest: argv.slice(at + 1) }
}

/** Runs one command line and resolves with its exit code. Throws `UserError`; `usage` for what cannot be parsed. */
export async function runCommandLine(argv: string[], io: Io): Promise<number> {
  const { own, rest } = splitRest(argv)
  const call: Call = { exitCode: 0 }
  const program = buildProgram(io, rest, call)
  if (own.length === 0) {
    program.outputHelp({ error: true })
    return 2
  }
  try {
    await program.parseAsync(own, { from: 'user' })
  } catch (error) {
    if (!isCommanderError(error)) throw error
    if (error.exitCode === 0) return 0
    throw usageError(error)
  }
  return call.exitCode
}

/** The command line, declared; each command's code is loaded when it is called. */
export function buildProgram(io: Io, rest: string[] | null, call: Call): Command {
  const program = new Command('podswap')
    .description(
      'Swap a workload’s pod for a dev container, keep your folder in step with it, and put everything back.',
    )
    .version(version, '--version', 'print the version')
    .option('-f, --file <file>', 'the dev manifest; default: dev.yml or okteto.yml, from here upwards')
    .option('-n, --namespace <namespace>', 'the namespace; default: the manifest’s, else the context’s')
    .option('--context <context>', 'the context of the kubeconfig; default: the manifest’s, else the current one')
    .option('--json', 'print JSON')
    .option('--no-color', 'print no colours (NO_COLOR does the same)')
    .option('--verbose', 'print causes and stacks with errors')
    .exitOverride()
    .configureOutput({
      writeOut: text => void io.stdout.write(text),
      writeErr: text => void io.stderr.write(text),
      // Errors are thrown, and said once by `main`.
      outputError: () => {},
    })
    .configureHelp({ showGlobalOptions: true })
    .helpCommand('help [command]', 'show the help of a command')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)

  const add = (name: string, description: string, examples: string) => {
    const command = program.command(name).description(description)
    return command.addHelpText('after', `\nExamples:\n${indent(examples)}`)
  }
  /** `run` gets everything the command was called with. */
  const calls =
    <Options>(load: () => Promise<(invocation: Invocation<Options>) => Promise<number>>, takesRest = false) =>
    async (...args: unknown[]) => {
      const command = args.at(-1) as Command
      if (rest !== null && !takesRest) {
        throw new UserError('usage', `podswap ${command.name()} takes no command after --`, {
          hint: `podswap ${command.name()} --help shows what it takes`,
        })
      }
      const run = await load()
      const globals = program.opts<GlobalOptions>()
      const options = command.opts<Options & object>()
      call.exitCode = await run({ io, globals, names: operands(command), rest, options })
    }

  add('up', 'swap the pod, keep the folder in step, forward ports, run the dev command', UP_EXAMPLES)
    .argument('[dev...]', 'what to develop; may be left out where the manifest has one')
    .option('-d, --detach', 'return when it is ready and leave the session to a background process')
    .option('--take-over', 'take the workload from the podswap process that holds it')
    .option('--down-on-exit', 'put the workload back at the end, however it ends')
    .option('--keep-command', 'run the workload’s own command instead of the manifest’s')
    .option('--dry-run', 'print the objects and patches, and change nothing')
    .action(calls(async () => (await import('./up.ts')).up, true))

  add('down', 'put the workload back exactly as it was', DOWN_EXAMPLES)
    .argument('[dev...]', 'a dev of the manifest, or the name of a workload')
    .option('--all', 'everything that is swapped in the namespace')
    .option('--volumes', 'delete the volumes that `persistentVolume` keeps, too, with what is in them')
    .option('--force', 'put it back although not all that was written in the pod has come: that is lost')
    .action(calls(async () => (await import('./down.ts')).down))

  add('status', 'say how sync, forwards and the dev command are, from probes made now', STATUS_EXAMPLES)
    .argument('[dev...]', 'a dev of the manifest, or the name of a workload')
    .option('-w, --watch', 'say it again whenever something changes, until Ctrl-C')
    .action(calls(async () => (await import('./status.ts')).status))

  add('doctor', 'find what was left over in the namespace and on this machine, and mend it', DOCTOR_EXAMPLES)
    .option('--fix', 'mend it, after saying what that is and asking')
    .option('-y, --yes', 'do not ask')
    .action(calls(async () => (await import('./doctor.ts')).doctor))

  add('exec', 'run a command in the dev container; the exit code is the command’s', EXEC_EXAMPLES)
    .argument('[dev]', 'a dev of the manifest, or the name of a workload')
    .option('-T, --no-tty', 'no terminal, even where there is one here')
    .action(calls(async () => (await import('./exec.ts')).exec, true))

  add('attach', 'take the terminal of the dev command; Enter ~ . leaves it', ATTACH_EXAMPLES)
    .argument('[dev]', 'a dev of the manifest, or the name of a workload')
    .action(calls(async () => (await import('./attach.ts')).attach))

  add('flush', 'return when everything written on either side before is on the other', FLUSH_EXAMPLES)
    .argument('[dev]', 'a dev of the manifest, or the name of a workload')
    .option('--timeout <seconds>', 'give up after this time', parseSeconds, 60)
    .action(calls(async () => (await import('./flush.ts')).flush))

  add('logs', 'print what a background process said; with --sync, what happened to the files', LOGS_EXAMPLES)
    .argument('[dev]', 'a dev of the manifest, or the name of a workload')
    .option('--sync', 'changes, conflicts, problems and connections, of earlier runs too')
    .option('--follow', 'go on as more comes, until Ctrl-C')
    .action(calls(async () => (await import('./logs.ts')).logs))

  add('restore', 'list what sync replaced or deleted on this laptop, and put it back', RESTORE_EXAMPLES)
    .argument('[path...]', 'files or folders; without one, and without a time, the trash is listed')
    .option('--at <when>', 'as it was then: 10m, 2h, 18:30, 2026-11-21T18:30; default: the newest version')
    .option('--since <when>', 'everything that gave way since then, as it was before')
    .option('--to <path>', 'to another place than its own: a file, or a folder for several')
    .option('-l, --list', 'only list')
    .action(calls(async () => (await import('./restore.ts')).restore))

  add('completion', 'print a completion script', COMPLETION_EXAMPLES)
    .argument('<shell>', 'bash, zsh or fish')
    .action(
      calls(async () => {
        const { completion } = await import('./completion.ts')
        return invocation => completion(invocation, program)
      }),
    )

  program
    .command('__hold', { hidden: true })
    .argument('<dev>')
    .requiredOption('--log <file>')
    .requiredOption('--fresh-log <file>')
    .option('--take-over')
    .option('--down-on-exit')
    .option('--keep-command')
    .action(calls(async () => (await import('./hold.ts')).hold, true))
  return program
}

function operands(command: Command): string[] {
  return command.processedArgs.flat().filter(value => typeof value === 'string')
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds > 0))
    throw new UserError('usage', `--timeout wants seconds above 0, not ${text}`, { hint: 'such as --timeout 30' })
  return seconds
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error && 'exitCode' in error && 'code' in error && String(error.code).startsWith('commander.')
}

function usageError(error: CommanderError): UserError {
  // Commander puts its suggestion on a line of its own: that is our hint.
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = more.join(' ').replace(/^\(|\)$/g, '')
  return new UserError('usage', first, { hint: suggestion || 'podswap --help shows what there is' })
}

function indent(text: string): string {
  return text
    .trim()
    .split('\n')
    .map(line => `  ${line.trim()}`)
    .join('\n')
}

const EXAMPLES = `
Examples:
  podswap up -f dev.rails.yml      start, or come back to, dev mode
  podswap status                   how it is, from probes made now
  podswap exec -- rails console    a command in the dev container
  podswap down                     put everything back

Exit codes: 0 done · 1 it failed · 2 wrong usage or manifest · 3 somebody else holds the workload · 130 interrupted.
Environment: KUBECONFIG, PODSWAP_HOME (state), PODSWAP_AGENT_IMAGE, NO_COLOR.`

const UP_EXAMPLES = `
  podswap up                            the one dev of the manifest found from here upwards
  podswap up web -f dev.rails.yml       dev "web" of this manifest
  podswap up --detach && npm test       leave the session to the background
  podswap up -- node --inspect app.js   another command than the manifest's
  podswap up --dry-run                  only show what would be done

In a terminal, the keys and Ctrl-C go to the program. Enter ~ . leaves it running; so does closing the
terminal: dev mode stays on until "podswap down". When the program ends, up ends with its exit code (0 where
Ctrl-C ended it). A start that fails, or is interrupted before it was ready, is undone.`

const DOWN_EXAMPLES = `
  podswap down                   what the manifest found from here upwards names
  podswap down -n team           from anywhere: what is swapped there, if it is one thing
  podswap down web -n team
  podswap down --all -n team     all of it
  podswap down --volumes         and deletes the volume that outlives it, if there is one`

const STATUS_EXAMPLES = `
  podswap status
  podswap status --json | jq -e '.devs[0].state == "ready"'
  podswap status --watch -n team`

const DOCTOR_EXAMPLES = `
  podswap doctor -n team                 exit code 1 where something is left over
  podswap doctor -n team --fix           says what it will do, and asks
  podswap doctor --json | jq '.leftovers[].message'`

const EXEC_EXAMPLES = `
  podswap exec -- rails db:migrate
  podswap exec web -- sh -c 'exit 7'     exits 7
  podswap exec                           a shell, where the image has one`

const ATTACH_EXAMPLES = `
  podswap attach
  podswap attach web -n team`

const FLUSH_EXAMPLES = `
  podswap flush && podswap exec -- npm test
  podswap flush --timeout 10`

const LOGS_EXAMPLES = `
  podswap logs                     what podswap up --detach wrote
  podswap logs --sync              which files changed, when and which way; conflicts, problems
  podswap logs --sync --follow
  podswap logs --sync --json | jq 'select(.event.type == "conflict")'`

const RESTORE_EXAMPLES = `
  podswap restore                        what is in the trash: when, how large, why
  podswap restore app/models/user.rb     its newest version, back in its place
  podswap restore app --at 18:30         all of a folder, as it was then
  podswap restore --since 10m            undo what came from the pod in the last ten minutes
  podswap restore notes.txt --to /tmp    beside, not in its place
  podswap restore --list --json          for programs`

const COMPLETION_EXAMPLES = `
  podswap completion bash > ~/.local/share/bash-completion/completions/podswap
  podswap completion zsh > "\${fpath[1]}/_podswap"
  podswap completion fish > ~/.config/fish/completions/podswap.fish`

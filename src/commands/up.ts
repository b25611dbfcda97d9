import { systemTimers } from '../../syncer/base/clock.ts'
import type { Dev } from '../manifest/manifest.ts'
import { openSession } from '../session/open-session.ts'
import { followOutput } from '../session/program-output.ts'
import { ProgramTerminal } from '../session/program-terminal.ts'
import type { Session } from '../session/run.ts'
import type { Reporter, UiEvent } from '../ui/events.ts'
import { digestProblems } from '../ui/problem-digest.ts'
import { Beside } from './beside.ts'
import { detach } from './detach.ts'
import { dryRun } from './dry-run.ts'
import { exitCodeOfOutcome } from './exit-code.ts'
import type { Invocation, Io } from './io.ts'
import { sessionConfig } from './session-config.ts'
import type { UpOptions } from './up-options.ts'
import { upSeveral } from './up-several.ts'
import { chooseDev, openWorkplace, type Workplace } from './workplace.ts'

export async function up(invocation: Invocation<UpOptions>): Promise<number> {
  const { names, options } = invocation
  const workplace = await openWorkplace(invocation, { manifest: 'required' })
  const { manifest } = workplace
  if (!manifest) throw new Error('the manifest is required')
  const devs = names.length > 0 ? names.map(name => chooseDev(manifest, name)) : [chooseDev(manifest, undefined)]
  const services = servicesOf(devs)
  const [first, ...others] = devs
  try {
    if (options.dryRun) {
      for (const dev of [...devs, ...services]) await dryRun(invocation, workplace, dev)
      return 0
    }
    if (options.detach) {
      for (const dev of devs) await detach(invocation, workplace, dev)
      for (const dev of services) await detach({ ...invocation, rest: null }, workplace, dev)
      return 0
    }
    if (!first || others.length > 0) return await upSeveral(invocation, workplace, { devs, services })
    return await upHere(invocation, workplace, first, services)
  } finally {
    workplace.reporter.close()
  }
}

/** Those that go up with the devs, each once; one that was named itself is one of them. */
function servicesOf(devs: Dev[]): Dev[] {
  const services = new Map<string, Dev>()
  for (const service of devs.flatMap(dev => dev.services ?? [])) {
    if (![...devs, ...services.values()].some(({ name }) => name === service.name)) services.set(service.name, service)
  }
  return [...services.values()]
}

/** The session in this process, with the dev command's terminal where there is one. */
async function upHere(
  invocation: Invocation<UpOptions>,
  workplace: Workplace,
  dev: Dev,
  services: Dev[],
): Promise<number> {
  const { io, globals } = invocation
  const { reporter } = workplace
  const interactive = io.stdin.isTTY === true && io.stdout.isTTY === true && !globals.json
  let terminal: ProgramTerminal | null = null
  // what is counted is told later, by itself: then, too, the program may have the terminal
  const report = (event: UiEvent) => showBeside(reporter, terminal, event)
  const lines = digestProblems({ report, clear: () => reporter.clear(), close() {} }, systemTimers)
  const opened = await openSession({
    ...workplace,
    manifest: workplace.manifest!,
    config: sessionConfig(invocation, dev, { interactive, endsWithCommand: true }),
    who: io,
    system: io,
    takeOver: invocation.options.takeOver === true,
    log: null,
    report: event => {
      if (event.type === 'ended') terminal?.close()
      lines.report(event)
    },
    signal: io.interrupted,
  })
  const { session } = opened
  const beside = await Beside.open(invocation, workplace, services, (reporter, event) =>
    showBeside(reporter, terminal, event),
  ).catch(async error => {
    await opened.close()
    throw error
  })
  let hasEnded = false
  const release = io.onSignal(signal => {
    session.interrupt(signal)
    // what the dev comes to decides about those
    if (hasEnded || session.wasReady) beside.interrupt(signal)
  })
  if (interactive) terminal = lendTerminal(io, session, reporter)
  else followOutput(session, event => reporter.report(event))
  session.start()
  beside.start()
  const outcome = await session.done
  hasEnded = true
  lines.close()
  await opened.close()
  await beside.end([outcome])
  release()
  if (outcome.reason.kind === 'failed') throw outcome.reason.error
  return exitCodeOfOutcome(outcome)
}

function lendTerminal(io: Io, session: Session, reporter: Reporter): ProgramTerminal {
  const terminal = new ProgramTerminal(io.stdin, io.stdout, {
    exit: exit => {
      terminal.close()
      session.commandExited(exit)
    },
    leave: () => {
      terminal.close()
      io.stdout.write('\n')
      session.leave()
    },
    lost: error => reporter.report({ type: 'warning', message: `the program’s terminal is lost: ${error.message}` }),
    interrupt: () => session.interrupt('SIGINT'),
  })
  session.onLink((link, isSame) => {
    reporter.clear()
    if (link) terminal.show(link.agent, isSame)
    else terminal.pause()
  })
  return terminal
}

/** While the program has the terminal, only what a person must know is said there. */
function showBeside(reporter: Reporter, terminal: ProgramTerminal | null, event: UiEvent): void {
  if (terminal?.isOpen) {
    if (!isUrgent(event)) return
    terminal.beginLine()
  }
  reporter.report(event)
}

function isUrgent(event: UiEvent): boolean {
  switch (event.type) {
    case 'connection-lost':
    case 'reconnected':
    case 'error':
    case 'problems-counted':
      return true
    case 'pod':
      return event.state === 'failed'
    case 'sync':
      return ['conflict', 'halted', 'resumed', 'problem', 'problem-solved'].includes(event.event.type)
    default:
      return false
  }
}

import { picture } from './checker.ts'
import { Disasters } from './disasters.ts'
import { Random } from './random.ts'
import type { Subject } from './subject.ts'
import { drawWeather, free, type Weather } from './weather.ts'
import { type End, Misbehaviour, pathOf, World } from './world.ts'

export interface Verdict {
  seed: number
  /** Tokens of people that are nowhere. */
  lost: string[]
  /** Paths at which the two ends differ when all is quiet. */
  differing: string[]
  /** The peers never came to rest, or broke a rule. */
  misbehaved: string | undefined
  /** Files that stand beside their place, on the laptop. */
  copies: number
}

export interface SimulationOptions {
  steps?: number
  /** Fixes some of the weather, to come sooner to what a test is about. */
  focus?: Partial<Weather>
  trace?: (line: string) => void
}

/** One run: a seed is a run, always the same. */
export function simulate<M>(subject: Subject<M>, seed: number, options: SimulationOptions = {}): Verdict {
  const random = new Random(seed)
  const weather = drawWeather(random, seed ^ 0x2b992ddf, options.steps ?? 150, {
    ...(subject.knowsObstacles ? {} : free),
    ...options.focus,
  })
  options.trace?.(JSON.stringify(weather, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
  const world = new World(subject, weather, random, options.trace)
  const verdict: Verdict = { seed, lost: [], differing: [], misbehaved: undefined, copies: 0 }
  // Stacks of errors that are caught anyway cost a tenth of the run.
  const { stackTraceLimit } = Error
  if (options.trace === undefined) Error.stackTraceLimit = 0
  try {
    const disasters = new Disasters(world)
    for (let step = 0; step < weather.steps; step++) takeStep(world, disasters)
    calmDown(world)
  } catch (error) {
    verdict.misbehaved = error instanceof Misbehaviour ? error.message : describe(error)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
  const laptop = picture(world.laptop.disk, world.ignored)
  const pod = picture(world.pod.disk, world.ignored)
  verdict.lost =
    verdict.misbehaved === undefined
      ? world.checker.lost([world.laptop.disk, world.pod.disk], name => subject.isScratch?.(name) === true)
      : []
  verdict.copies = laptop.filter(line => /\.(pod|late|conflict)-/.test(line)).length
  // With ignored files below, an empty folder at one end may be one that is left standing at the other; so may one for
  // what stays there by the policy.
  const isRuled = weather.ignored !== undefined || weather.ruleChange > 0 || weather.policies.length > 0
  const counts = (line: string) => (!isRuled || !line.endsWith(' dir')) && !world.mayDiffer(pathOf(line))
  verdict.differing = [
    ...laptop.filter(line => counts(line) && !pod.includes(line)).map(line => `laptop: ${line}`),
    ...pod.filter(line => counts(line) && !laptop.includes(line)).map(line => `pod: ${line}`),
  ]
  return verdict
}

export function isGood(verdict: Verdict): boolean {
  return verdict.lost.length === 0 && verdict.differing.length === 0 && verdict.misbehaved === undefined
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function takeStep<M>(world: World<M>, disasters: Disasters<M>): void {
  const { random, weather } = world
  world.pass(random.next() * 3)
  if (random.chance(weather.longPause)) world.pass(random.pick([100, 300, 5_000, 20_000, 70_000]))
  breakThings(world, disasters)
  for (const end of [world.laptop, world.pod]) if (end.peer === undefined && random.chance(0.3)) world.start(end)
  if (world.connection === undefined && world.laptop.peer && world.pod.peer && random.chance(0.3)) world.connect()
  const end = random.pick([world.laptop, world.pod])
  switch (random.weighted(weather.pace)) {
    case 'act':
      world.act(end)
      break
    case 'deliver':
      world.deliver()
      break
    case 'tick':
      if ((end.peer?.due() ?? Number.POSITIVE_INFINITY) <= world.nowMs || random.chance(0.1))
        world.run(end, peer => peer.tick())
      break
    case 'hint':
      hint(world, end)
  }
}

function breakThings<M>(world: World<M>, disasters: Disasters<M>): void {
  const { random, weather } = world
  if (random.chance(weather.cut)) world.cut()
  if (random.chance(weather.crash)) world.kill(random.pick([world.laptop, world.pod]))
  if (random.chance(weather.powerCut)) disasters.cutPower()
  if (random.chance(weather.newPod)) disasters.replacePod()
  if (weather.volumeRollback > 0 && random.chance(0.05)) disasters.takeSnapshot()
  if (random.chance(weather.volumeRollback)) disasters.rollBack()
  const atRest = world.connection?.quiet && world.laptop.peer?.idle() && world.pod.peer?.idle()
  if (weather.stateRestored > 0 && atRest && random.chance(0.3)) disasters.takeBackup()
  if (random.chance(weather.stateRestored)) disasters.restoreState()
  if (random.chance(weather.cleanEnd)) world.stop(world.laptop)
  if (random.chance(weather.ruleChange)) world.changeRules()
  world.obstruct()
  if (random.chance(weather.clockStep)) {
    const end = random.pick([world.laptop, world.pod])
    end.clock.offsetMs += (random.next() - 0.5) * random.pick([100, 10_000])
    world.tell(() => `${end.name}'s clock steps`)
  }
}

function hint<M>(world: World<M>, end: End<M>): void {
  if (end.hints.length === 0) return
  const [path] = end.hints.splice(world.random.below(end.hints.length), 1)
  world.run(end, peer => peer.hint(path!))
}

/**
 * People and faults stop, and what is down is started; both ends must come to rest, and stay so after a sweep and after
 * the trash is emptied. It is over at once where a process dies.
 */
export function calmDown<M>(world: World<M>): void {
  world.tell(() => 'calm')
  world.calm = true
  world.clearAway()
  const ends = [world.laptop, world.pod]
  for (const end of ends) {
    end.crowd.stop()
    if (end.peer === undefined) world.start(end)
  }
  if (world.connection === undefined) world.connect()
  settle(world)
  for (const end of ends) world.run(end, peer => peer.hint(''))
  world.run(world.laptop, peer => peer.flush?.())
  settle(world)
  const until = world.nowMs + 130_000
  for (let i = 0; i < 10_000 && !isDown(world); i++) {
    const due = nextDue(world)
    if (due > until) break
    world.pass(Math.max(0, due - world.nowMs))
    for (const end of ends) if (end.peer && end.peer.due() <= world.nowMs) world.run(end, peer => peer.tick())
    settle(world)
  }
  for (const end of ends) world.run(end, peer => peer.hint(''))
  settle(world)
  if (isDown(world)) return
  if (world.laptop.peer?.flushed?.() === false) throw new Misbehaviour('somebody waits for ever until all is in step')
  for (const end of ends) {
    const left = [...end.disk.volume.own.entries!.keys()].filter(name => world.isLeftOver(name))
    if (left.length > 0) throw new Misbehaviour(`${end.name} leaves ${left.join(', ')} behind`)
  }
}

/** Until both ends are idle, or the process of one has died. */
export function settle<M>(world: World<M>): void {
  const ends = [world.laptop, world.pod]
  // Who waits for both to be in step asks every 2 ms, and what was refused is tried again after up to 30 s.
  const stepsMax = world.weather.obstacles.awaited > 0 ? 50_000 : 5_000
  for (let i = 0; i < stepsMax; i++) {
    if (world.calm && i % 1_000 === 999) world.helpOut()
    if (isDown(world)) return
    if (world.deliver()) continue
    const due = ends.filter(end => end.peer!.due() <= world.nowMs)
    if (due.length > 0) {
      for (const end of due) world.run(end, peer => peer.tick())
      continue
    }
    if (ends.every(end => end.peer!.idle())) return
    const next = nextDue(world)
    if (next === Number.POSITIVE_INFINITY) throw new Misbehaviour('not idle, and nothing is due')
    world.pass(next - world.nowMs)
  }
  throw new Misbehaviour('the ends do not come to rest')
}

function isDown<M>({ laptop, pod }: World<M>): boolean {
  return laptop.peer === undefined || pod.peer === undefined
}

function nextDue<M>(world: World<M>): number {
  return Math.min(world.laptop.peer!.due(), world.pod.peer!.due())
}

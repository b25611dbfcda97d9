import type { Clock } from '../../syncer/base/clock.ts'
import { isWithin, type Path, parentOf } from '../../syncer/core/path.ts'
import { isMuted, type SyncPolicy, twoWay } from '../../syncer/core/sync-policy.ts'
import type { Place } from '../../syncer/disk/disk.ts'
import { MemoryDisk } from '../../syncer/disk/memory-disk.ts'
import type { DiskOperation } from '../../syncer/disk/memory-operation.ts'
import { Checker, picture, tokensOn } from './checker.ts'
import { Connection, type EndName } from './connection.ts'
import { Crowd } from './crowd.ts'
import { MemoryJournal } from './journal.ts'
import { Keepsake } from './keepsake.ts'
import type { Random } from './random.ts'
import type { EndPorts, SimulatedPeer, Subject, TrashLimits } from './subject.ts'
import type { Weather } from './weather.ts'

/** The process of a peer dies here. */
export class Crash extends Error {}

/** The peer did what no peer may do. */
export class Misbehaviour extends Error {}

/** 2026-01-01; the wall clocks of both ends start here, give or take. */
const startMs = 1_767_225_600_000
const changing = new Set<DiskOperation>(['mkdir', 'rmdir', 'symlink', 'link', 'rename', 'exchange', 'unlink'])

export interface End<M> {
  readonly name: EndName
  disk: MemoryDisk
  crowd: Crowd
  clock: Clock & { offsetMs: number }
  peer: SimulatedPeer<M> | undefined
  hints: Path[]
  /** A folder where no name may come or go. */
  locked: Path | undefined
}

/** What the laptop's manifest and ignore files say. */
export interface Rules {
  /** What does not travel. */
  ignored: Path[]
  policy: SyncPolicy
}

/** Two ends, a network, and everything that may go wrong between and in them. */
export class World<M> {
  readonly checker = new Checker()
  readonly laptop: End<M>
  readonly pod: End<M>
  readonly journal = new MemoryJournal<unknown>()
  readonly kept = new Keepsake()
  readonly random: Random
  readonly weather: Weather
  connection: Connection<M> | undefined
  /** Faults and people are over. */
  calm = false
  #nowMs = 0
  /** Starts of the laptop's machine. */
  boots = 1
  /** What the pod holds is still that of its image or an old volume: the laptop may win over it. */
  podUntouched = true
  /** Asked before each operation of an end's disk, each record and each message: does its process die there? */
  dies: ((end: EndName) => boolean) | undefined
  #dying: End<M> | undefined
  readonly #subject: Subject<M>
  readonly #trace: ((line: string) => void) | undefined

  constructor(subject: Subject<M>, weather: Weather, random: Random, trace?: (line: string) => void) {
    this.#subject = subject
    this.weather = weather
    this.random = random
    this.#trace = trace
    this.laptop = this.#makeEnd('laptop', 0)
    this.pod = this.#makeEnd('pod', weather.skewMs)
    this.journal.before = () => this.#maybeDie(this.laptop)
    this.kept.before = () => this.#maybeDie(this.laptop)
    if (weather.ignored !== undefined) this.#ignored.add(weather.ignored)
  }

  get nowMs(): number {
    return this.#nowMs
  }

  tell(line: () => string): void {
    this.#trace?.(`${this.#nowMs.toFixed(3).padStart(11)} ${line()}`)
  }

  /** With all that is below. */
  readonly ignored = (path: Path): boolean => isAmong(path, this.#ignored)
  readonly #ignored = new Set<Path>()
  /** Whose changes travel, of this run of the laptop's program. */
  policy: SyncPolicy = twoWay
  /** Where people did something. */
  readonly #touched = { laptop: new Set<Path>(), pod: new Set<Path>() }

  /** The laptop's people write other ignore files; in words only where they change at all. */
  changeRules(): void {
    if (!this.#subject.takesRules) return
    const path = this.random.pick(this.weather.paths)
    if (!this.#ignored.delete(path)) this.#ignored.add(path)
    const text = this.#rulesText()
    this.tell(() => `other rules: ${text}`)
    this.run(this.laptop, peer => peer.setRules?.(text))
  }

  #rulesText(): string {
    if (this.weather.ruleChange === 0 && this.weather.policies.length === 0) return ''
    return JSON.stringify({ ignored: [...this.#ignored].sort(), policy: this.policy } satisfies Rules)
  }

  /** From the next start of the laptop's program on. */
  #drawPolicy(): void {
    const { policies } = this.weather
    if (policies.length === 0) return
    const before = this.policy
    this.policy = this.random.pick(policies)
    // What was on its way, and now stays.
    if (before.mode !== this.policy.mode) this.touchesAll()
  }

  /** For ever where one end's version may have to give way to the other's: then it is there and nowhere else. */
  #trash(): TrashLimits {
    const { policies, obstacles } = this.weather
    if (policies.length > 0) return { keepMs: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY }
    return { keepMs: 60_000, bytesMax: obstacles.trashBytesMax }
  }

  /** Something was done there. */
  touches(end: EndName, path: Path): void {
    if (this.weather.policies.length > 0) this.#touched[end].add(path)
  }

  /** What is at either end now is from before a fault, as if somebody had made it there. */
  touchesAll(): void {
    if (this.weather.policies.length === 0) return
    const lines = [this.laptop, this.pod].flatMap(({ disk }) => picture(disk, () => false))
    for (const end of ['laptop', 'pod'] as const) for (const line of lines) this.touches(end, pathOf(line))
  }

  /** What somebody did where changes stay may differ for ever: the path, what is in it and what it is in. */
  mayDiffer(path: Path): boolean {
    for (const end of ['laptop', 'pod'] as const) {
      if (!isMuted(this.policy, end)) continue
      if (/\.conflict-/.test(path)) return true
      for (const own of this.#touched[end]) {
        if (isWithin(path, own) || isWithin(own, path)) return true
        // What is brought back when nothing says any more where it was.
        if (path === own.slice(own.lastIndexOf('/') + 1)) return true
      }
    }
    return false
  }

  /** Something gets in the way of an end, or out of it. */
  obstruct(): void {
    const { locked, journalFull, awaited } = this.weather.obstacles
    if (this.random.chance(locked)) {
      const end = this.random.pick([this.laptop, this.pod])
      end.locked = end.locked === undefined ? this.random.pick(['', 'd', 'd/e']) : undefined
      this.tell(() => `${end.name}: ${end.locked === undefined ? 'no folder' : `"${end.locked}"`} is locked`)
    }
    if (this.random.chance(journalFull)) {
      this.journal.isFull = !this.journal.isFull
      this.tell(() => (this.journal.isFull ? 'the journal is full' : 'the journal has room'))
    }
    if (this.random.chance(awaited)) this.run(this.laptop, peer => peer.flush?.())
  }

  /** Whatever is in the way goes away. */
  clearAway(): void {
    this.journal.isFull = false
    for (const end of [this.laptop, this.pod]) {
      end.locked = undefined
      end.crowd.clearAway()
    }
  }

  /** People do what the laptop asks them to. */
  helpOut(): void {
    this.#makeRoom()
    this.#confirmRemovals()
  }

  /** People at an end whose changes stay there make room for what the laptop says cannot be written there. */
  #makeRoom(): void {
    const told = this.laptop.peer?.problems?.() ?? []
    const here = told.filter(({ side, path }) => path !== '' && isMuted(this.policy, side))
    for (const { side, path } of here) {
      const end = side === 'laptop' ? this.laptop : this.pod
      this.tell(() => `  ${side}'s people make room at ${path}`)
      let at = path
      for (let up = parentOf(path); up !== ''; up = parentOf(up)) if (end.disk.people.find(up)?.kind !== 'dir') at = up
      end.crowd.clearAway()
      if (end.disk.people.find(at) !== undefined) end.disk.people.removeAll(at)
      this.run(end, peer => peer.hint(at))
    }
  }

  /** Asked whether they mean it, the laptop's people remove what has vanished in the pod, or is no folder there any more. */
  #confirmRemovals(): void {
    if (this.laptop.peer?.halted?.() !== true) return
    for (const path of picture(this.laptop.disk, () => false).map(pathOf)) {
      const here = this.laptop.disk.people.find(path)?.kind
      const there = this.pod.disk.people.find(path)?.kind
      if (here === undefined || (there !== undefined && (here !== 'dir' || there === 'dir'))) continue
      this.tell(() => `  laptop's people remove ${path}, too`)
      this.laptop.disk.people.removeAll(path)
      this.run(this.laptop, peer => peer.hint(path))
    }
  }

  isLeftOver(name: string): boolean {
    return this.#subject.isLeftOver(name)
  }

  pass(ms: number): void {
    this.#nowMs += ms
  }

  other(end: End<M>): End<M> {
    return end === this.laptop ? this.pod : this.laptop
  }

  /** Runs something of a peer; the death of its process is an event, anything else that is thrown is a fault of ours. */
  run(end: End<M>, what: (peer: SimulatedPeer<M>) => void): void {
    const { peer } = end
    if (peer === undefined) return
    try {
      what(peer)
    } catch (error) {
      if (!(error instanceof Crash)) throw error
      this.tell(() => `${end.name} dies`)
      this.#dying = undefined
      this.kill(end)
    }
  }

  /** The next message, if there is one, reaches its end. */
  deliver(): boolean {
    const { together } = this.weather
    const next = this.connection?.take(this.random, () => together > 0 && this.random.chance(together))
    if (next === undefined) return false
    this.tell(() => `→ ${next.to}`)
    this.#receiving = true
    this.run(next.to === 'laptop' ? this.laptop : this.pod, peer => {
      if (peer.receiveAll !== undefined) peer.receiveAll(next.lane, next.messages)
      else for (const message of next.messages) peer.receive(next.lane, message)
    })
    this.#receiving = false
    return true
  }
  #receiving = false

  start(end: End<M>): void {
    const ports: EndPorts<M> = {
      disk: end.disk,
      clock: end.clock,
      random: () => this.random.next(),
      stepsMax: this.weather.stepsMax,
      early: this.weather.early,
      grain: this.weather.grain,
      ignored: this.ignored,
      habits: this.weather.habits,
      trash: this.#trash(),
      send: (lane, message) => {
        this.tell(() => `${end.name} sends ${lane === 'bulk' ? 'in bulk ' : ''}${this.#subject.tell(message)}`)
        if (this.dies?.(end.name)) this.#die(end)
        this.connection?.send(this.other(end).name, lane, message)
      },
    }
    this.tell(() => `${end.name} starts`)
    const { deletesMax } = this.weather.obstacles
    // It does not start without.
    if (end === this.laptop) {
      this.journal.isFull = false
      this.#drawPolicy()
    }
    try {
      end.peer =
        end === this.laptop
          ? this.#subject.laptop({
              ...ports,
              journal: this.journal,
              bootId: `boot-${this.boots}`,
              initial: this.weather.initial,
              rulesText: this.#rulesText(),
              kept: this.kept,
              ...(deletesMax !== undefined && { deletesMax }),
            })
          : this.#subject.pod(ports)
    } catch (error) {
      if (!(error instanceof Crash)) throw error
      this.tell(() => `${end.name} dies while it starts`)
      this.#dying = undefined
      end.disk.crash()
    }
  }

  kill(end: End<M>): void {
    // What both had agreed on last may be forgotten.
    this.touchesAll()
    end.peer = undefined
    end.disk.crash()
    this.cut()
  }

  /** The program of an end is told to end. */
  stop(end: End<M>): void {
    if (end.peer === undefined) return
    this.tell(() => `${end.name} ends`)
    this.run(end, peer => peer.stop?.())
    if (end.peer !== undefined) this.kill(end)
  }

  connect(): void {
    this.tell(() => 'connected')
    this.connection = new Connection()
    const order = this.random.chance(0.5) ? [this.laptop, this.pod] : [this.pod, this.laptop]
    for (const end of order) this.run(end, peer => peer.connect())
  }

  cut(): void {
    if (this.connection === undefined) return
    this.tell(() => 'cut')
    this.connection = undefined
    for (const end of [this.laptop, this.pod]) this.run(end, peer => peer.disconnect())
  }

  act(end: End<M>, namesStay = false): void {
    const told = end.crowd.act(namesStay)
    this.tell(() => `  ${end.name}'s people: ${told}`)
    const touched = end.crowd.takeTouched()
    for (const path of touched) if (!this.random.chance(this.weather.hintLost)) end.hints.push(path)
    if (end === this.pod && this.podUntouched && touched.length > 0)
      this.checker.excuse(tokensOn(end.disk.volume, true))
  }

  /** A pod without a file, in the place of the one that was. */
  emptyPod(): void {
    this.kill(this.pod)
    this.pod.crowd.stop()
    Object.assign(this.pod, this.#makeEnd('pod', this.pod.clock.offsetMs))
  }

  #makeEnd(name: EndName, offsetMs: number): End<M> {
    const clock = {
      offsetMs,
      now: () => startMs + this.#nowMs + clock.offsetMs,
      monotonic: () => this.#nowMs,
    }
    const { tickNs, storedStepNs, reuseInodes, paths, bigBytes, deeds } = this.weather
    const disk = new MemoryDisk({ clock, tickNs, storedStepNs, reuseInodes, powerLoss: name === 'laptop' })
    if (this.weather.placingWorks) disk.placeFiles()
    else if (this.weather.exchangeWorks) disk.exchangeNames()
    // Of some it is not known, as of files that are another user's.
    if (this.weather.restTold) disk.tellRest(path => path.length % 3 !== 0)
    disk.otherGroupIn = this.weather.obstacles.otherGroup
    disk.timesAllowed = name === 'laptop' || this.weather.timesAllowed
    const { checker, random } = this
    const gentle = this.weather.gentle && name === 'laptop'
    const nowMs = () => this.#nowMs
    const onTried = (path: Path) => this.touches(name, path)
    const onMoved = (from: Path, to: Path) => {
      for (const path of [from, to]) onTried(path)
      // The other end's folder gets the new name with all that is in it.
      for (const touched of Object.values(this.#touched))
        for (const path of [...touched]) if (isWithin(path, from)) touched.add(to + path.slice(from.length))
    }
    const crowd = new Crowd({ disk, checker, random, paths, nowMs, gentle, bigBytes, deeds, onTried, onMoved })
    this.checker.watch(disk, name)
    const end: End<M> = { name, disk, crowd, clock, peer: undefined, hints: [], locked: undefined }
    disk.before = (operation, at, to) => this.#before(name === 'laptop' ? this.laptop : this.pod, operation, at, to)
    return end
  }

  #maybeDie(end: End<M>): void {
    if (this.#dying === end || this.dies?.(end.name)) this.#die(end)
    if (!this.calm && this.random.chance(this.weather.crashInside)) this.#die(end)
  }

  /** Whoever is killed cleans nothing up: whatever it still tries on its way out comes to nothing. */
  #die(end: End<M>): never {
    this.#dying = end
    throw new Crash()
  }

  /** The hook before each disk operation of a peer. */
  #before(end: End<M>, operation: DiskOperation, at?: Place, to?: Place): string | undefined {
    this.#nowMs += 0.002 + this.random.next() * 0.01
    if (this.#trace) this.tell(() => `    ${end.name} ${operation} ${place(at)}${to ? ` → ${place(to)}` : ''}`)
    if (this.#dying === end) this.#die(end)
    if (this.calm) this.#maybeDie(end)
    else {
      // The one accepted window: from the last look to the rename over an existing name. Writes in it are not excepted.
      const isWindow = operation === 'rename' && at?.area === 'own' && this.#stands(end, to)
      if (this.random.chance(this.weather.peopleInside)) this.act(end, isWindow && !this.weather.windowOpen)
      this.#maybeDie(end)
      if (this.random.chance(this.weather.errorInside)) return this.random.pick(['EIO', 'ENOSPC', 'EACCES'])
    }
    if (end.locked !== undefined && this.#needs(end.locked, operation, at, to)) return 'EACCES'
    this.#judge(end, operation, at, to)
    return undefined
  }

  #needs(dir: Path, operation: DiskOperation, at?: Place, to?: Place): boolean {
    const isIn = (place?: Place) => place?.area === 'tree' && isWithin(parentOf(place.path), dir)
    return changing.has(operation) && (isIn(to) || (operation !== 'link' && isIn(at)))
  }

  #stands(end: End<M>, to: Place | undefined): boolean {
    return to?.area === 'tree' && end.disk.people.find(to.path) !== undefined
  }

  /** What does not travel is nobody's but people's. */
  #judgeIgnored(end: End<M>, place: Place | undefined): void {
    const { ignored, ruleChange } = this.weather
    if (ignored === undefined || ruleChange > 0 || place?.area !== 'tree' || !isWithin(place.path, ignored)) return
    throw new Misbehaviour(`${end.name} touches ${place.path}, which is ignored`)
  }

  /** Content that no person ever had must not get into a tree. */
  #judge(end: End<M>, operation: DiskOperation, at?: Place, to?: Place): void {
    if (!changing.has(operation)) return
    if (end === this.pod && this.#receiving && (at?.area === 'tree' || to?.area === 'tree')) this.podUntouched = false
    this.#judgeIgnored(end, at)
    this.#judgeIgnored(end, to)
    if (at?.area !== 'own' || to?.area !== 'tree') return
    const inode = end.disk.volume.own.entries!.get(at.name)
    if (inode?.kind === 'file' && !this.checker.wasSeen(inode.bytes))
      throw new Misbehaviour(`${end.name} shows "${inode.bytes.toString('latin1')}" at ${to.path}, which nobody wrote`)
  }
}

/** The path, or a folder that it is in, is one of these. */
export function isAmong(path: Path, paths: ReadonlySet<Path>): boolean {
  if (paths.size === 0) return false
  for (let at = path; at !== ''; at = parentOf(at)) if (paths.has(at)) return true
  return false
}

/** Of a line of `picture`. */
export function pathOf(line: string): Path {
  return line.slice(0, line.indexOf(' '))
}

function place(at: Place | undefined): string {
  if (at === undefined) return ''
  return at.area === 'tree' ? `"${at.path}"` : `[${at.name}]`
}

import { errnoOf } from '../../syncer/base/errors.ts'
import { parentOf } from '../../syncer/core/path.ts'
import { MemoryDisk } from '../../syncer/disk/memory-disk.ts'
import type { Inode } from '../../syncer/disk/memory-inode.ts'
import { cutPower } from '../../syncer/disk/memory-power.ts'
import { tokensOn } from './checker.ts'
import type { World } from './world.ts'

/** What takes more than a process with it: power, pods, volumes, backups. What only it held is its own loss. */
export class Disasters<M> {
  readonly #world: World<M>
  #backup: unknown[] | undefined
  #snapshot: MemoryDisk | undefined

  constructor(world: World<M>) {
    this.#world = world
  }

  /** @param choose returns a whole number from 0 to its argument (inclusive): 0 takes back all that may be gone */
  cutPower(choose = (max: number) => this.#world.random.below(max + 1)): void {
    const { laptop, checker, journal, weather } = this.#world
    this.#world.tell(() => "the laptop's power is cut")
    const before = tokensOn(laptop.disk.volume)
    this.#world.kill(laptop)
    laptop.crowd.stop()
    cutPower(laptop.disk.volume, choose)
    journal.cutPower(choose)
    if (weather.habits.indexKept) this.#world.kept.cutPower(choose)
    this.#world.boots += 1
    // What was not yet on the disk comes back from the trash.
    this.#world.touches('laptop', '')
    this.#excuseGone(weather.gentle ? checker.writtenAt('laptop', before) : before)
  }

  takeBackup(): void {
    this.#backup ??= this.#world.journal.snapshot()
  }

  /** The backup of the laptop's state comes back; its folder stays as it is. */
  restoreState(): void {
    this.#world.tell(() => "an old state of the laptop's comes back")
    this.#world.kill(this.#world.laptop)
    if (this.#backup !== undefined) this.#world.journal.restore(this.#backup)
    this.#backup = undefined
    this.#world.touchesAll()
  }

  /** The pod is deleted; its successor has the files of an image that was built of some of the laptop's. */
  replacePod(): void {
    this.#world.tell(() => 'a new pod')
    const before = tokensOn(this.#world.pod.disk.volume)
    this.#world.emptyPod()
    for (let i = this.#world.random.below(4); i > 0; i--) this.#fillImage()
    this.#podIsOld(before)
  }

  takeSnapshot(): void {
    if (this.#snapshot !== undefined) return
    const { clock, disk } = this.#world.pod
    this.#snapshot = new MemoryDisk({ clock })
    copyDisk(disk, this.#snapshot)
  }

  /** The pod's volume is as it was at the last {@link takeSnapshot}, marker included. */
  rollBack(): void {
    if (this.#snapshot === undefined) return
    this.#world.tell(() => "the pod's volume comes back from a snapshot")
    const before = tokensOn(this.#world.pod.disk.volume)
    this.#world.emptyPod()
    copyDisk(this.#snapshot, this.#world.pod.disk)
    this.#snapshot = undefined
    this.#podIsOld(before)
  }

  #podIsOld(before: Set<string>): void {
    const { checker, laptop, pod } = this.#world
    this.#world.podUntouched = true
    this.#world.touchesAll()
    this.#excuseGone(before)
    const kept = tokensOn(laptop.disk.volume, true)
    checker.excuse([...tokensOn(pod.disk.volume)].filter(token => !kept.has(token)))
  }

  #excuseGone(before: Iterable<string>): void {
    const { checker, laptop, pod } = this.#world
    const left = tokensOn(laptop.disk.volume, true)
    for (const token of tokensOn(pod.disk.volume, true)) left.add(token)
    checker.excuse([...before].filter(token => !left.has(token)))
  }

  #fillImage(): void {
    const { random, weather, laptop, pod, checker } = this.#world
    const path = random.pick(weather.paths)
    const there = laptop.disk.people.find(path)
    const bytes = there?.kind === 'file' && random.chance(0.5) ? there.bytes : Buffer.from('image')
    try {
      if (parentOf(path) !== '') pod.disk.people.mkdir(parentOf(path))
      checker.given(bytes)
      pod.disk.people.save(path, bytes)
      this.#world.touches('pod', path)
    } catch (error) {
      // Another file of the image may be in the way.
      if (errnoOf(error) === undefined) throw error
    }
  }
}

function copyDisk(from: MemoryDisk, to: MemoryDisk): void {
  copyFolder(from.volume.tree, to, to.volume.tree)
  copyFolder(from.volume.own, to, to.volume.own)
}

function copyFolder(from: Inode, disk: MemoryDisk, to: Inode): void {
  for (const [name, inode] of from.entries!) {
    const copy = disk.volume.make(inode.kind, inode.mode)
    copy.bytes = inode.bytes
    copy.target = inode.target
    copy.mtimeNs = inode.mtimeNs
    disk.volume.setName(to, name, copy)
    if (inode.kind === 'dir') copyFolder(inode, disk, copy)
  }
}

import { hash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { uptime } from 'node:os'
import path from 'node:path'
import { type Clock, systemTimers } from '../base/clock.ts'
import { markKeyBytes } from '../core/block-marks.ts'
import { absent } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { exactDisk } from '../disk/exact-disk.ts'
import { NameExchange } from '../disk/name-exchange.ts'
import { createNodeDisk, type NodeDisk } from '../disk/node-disk.ts'
import type { NamePair } from '../disk/node-exchange.ts'
import { createNodeWatcher } from '../disk/node-watcher.ts'
import { checkPrivateFolder } from '../disk/private-folder.ts'
import type { WatchEvents, Watcher } from '../disk/watcher.ts'
import { Replica } from '../endpoint/replica.ts'
import type { TrashLimits } from '../endpoint/trash.ts'
import { newIdMaker } from './new-id.ts'
import { IgnoreReader, type IgnoreReaderOptions } from './rules/ignore-reader.ts'
import { AncestorLog, bootId } from './state/ancestor-log.ts'
import { loadIndex } from './state/index-cache.ts'
import { IndexKeeper } from './state/index-keeper.ts'
import { IndexWriting } from './state/index-writing.ts'

const trash: TrashLimits = {
  keepMs: 7 * 24 * 3_600_000,
  bytesMax: 1024 ** 3,
  spared: { bytesMax: 4 * 1024 ** 3, entriesMax: 50_000 },
}

export interface LaptopFolderOptions {
  /** Absolute folder on the laptop. */
  local: string
  /** Folder for its state; made when missing. */
  stateFolder: string
  sessionKey: string
  rules?: IgnoreReaderOptions
  clock: Clock
  events: WatchEvents
  /** The native program that exchanges names (decision 0012), for this machine; absent where there is none. */
  init?: string
}

const privateFolder = 'in-git'

/** Whether sync could work in the folder, changing nothing; one that is not there may come. @throws UserError `state` */
export function checkLaptopFolder(local: string): void {
  checkPrivateFolder(local, privateFolder)
}

/** The laptop's folder and what is kept about it between runs. */
export class LaptopFolder {
  readonly replica: Replica
  readonly watcher: Watcher
  readonly ignore: IgnoreReader
  /** What both ends agreed on. */
  readonly log: AncestorLog
  private readonly disk: NodeDisk
  private readonly names: NameExchange | undefined
  private readonly index: IndexKeeper

  /** @throws UserError `not-found`, `state` */
  constructor({ local, stateFolder, sessionKey, rules, clock, events, init }: LaptopFolderOptions) {
    fs.mkdirSync(stateFolder, { recursive: true, mode: 0o700 })
    const opened: { close(): void }[] = []
    const open = <T extends { close(): void }>(part: T): T => {
      opened.unshift(part)
      return part
    }
    try {
      // Where it cannot run, names are not exchanged, and each change is made the other way.
      const names = init === undefined ? undefined : open(new NameExchange({ init, clock, log: () => {} }))
      const exchange = names && { exchange: (pairs: readonly NamePair[]) => names.begin(pairs), place: names }
      this.names = names
      this.disk = open(createNodeDisk({ root: local, privateFolder, ...exchange }))
      const disk = exactDisk(this.disk)
      const owner = ownerOf(sessionKey)
      this.replica = new Replica({ disk, clock, newId: newIdMaker(), owner, trash, markKey: randomBytes(markKeyBytes) })
      this.log = open(new AncestorLog(path.join(stateFolder, 'ancestor.log'), bootId(uptime(), clock.now())))
      this.watcher = open(createNodeWatcher({ root: this.disk.rootPath, events }))
      this.ignore = new IgnoreReader(disk, rules, dir => this.watcher.watch(dir))
      const indexFile = path.join(stateFolder, 'index')
      loadIndex(indexFile, this.replica, this.log.otherBoot)
      const { tree } = this.replica
      this.index = new IndexKeeper(clock, systemTimers, () => new IndexWriting(indexFile, tree, clock.now()))
    } catch (error) {
      for (const part of opened) part.close()
      throw error
    }
  }

  /**
   * Writes down what a later run needs not read again.
   * @param state differs where something is new since the last time; undefined while so much is that it is not worth it
   */
  checkpoint(state: string | undefined): void {
    this.log.checkpoint()
    if (state !== undefined) this.index.checkpoint(state)
  }

  /** What the tree does not hold (it is ignored, or not looked at yet) may be there. */
  isThere(path: Path): boolean {
    const { tree, disk } = this.replica
    if ((tree.find(path)?.current ?? absent) !== absent) return true
    try {
      return disk.stat({ area: 'tree', path }) !== null
    } catch {
      return true
    }
  }

  close(): void {
    this.index.save()
    this.log.close()
    this.disk.removeEmptyPrivateFolder()
    this.disk.close()
    this.names?.close()
  }
}

/** A name for private files: several sessions may share one folder of the laptop. */
function ownerOf(sessionKey: string): string {
  return hash('sha256', sessionKey, 'hex').slice(0, 12)
}

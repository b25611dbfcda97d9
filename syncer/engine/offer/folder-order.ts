import { absent, folder, kindOf, type Token } from '../../core/content.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** In which order things of one folder are told: a folder goes before what is in it, and leaves after it. */
export class FolderOrder {
  private readonly x: Exchange
  /** Folders that something below waits for. */
  private readonly awaited = new Set<Entry>()
  /** Folders that leave, with the number of children that have not left yet. */
  private readonly leaving = new Map<Entry, number>()

  constructor(exchange: Exchange) {
    this.x = exchange
  }

  reset(): void {
    this.awaited.clear()
    this.leaving.clear()
  }

  /** It goes when its folder's PUT has gone. */
  awaitParent(entry: Entry): void {
    this.awaited.add(entry.parent!)
    if (!this.x.isBelowUntaken(entry)) this.x.waiting.add(entry)
  }

  /** The other end cannot make it, or it does not travel: what is in it goes when it does, and nobody is kept waiting. */
  untaken(entry: Entry): void {
    if (entry.children === null) return
    for (const below of this.x.replica.tree.walk(entry)) this.x.waiting.delete(below)
  }

  /** The other end has the folder, or is told of it before. */
  parentReady(entry: Entry): boolean {
    const { parent } = entry
    if (parent === null || parent.parent === null) return true
    // Nothing of it is sent again with each try of the folder: its answer wakes what is in it. What was a folder waits for
    // what was in it to leave.
    if (parent.current === folder && this.x.untaken.has(parent)) {
      this.awaited.add(parent)
      return false
    }
    const flight = this.x.flights.get(parent)
    if ((flight?.data ?? parent.agreed) === folder) return true
    // Below something that is gone here, a removal needs no parent: the folder's own removal waits for it.
    if (entry.current === absent && entry.agreed !== absent && flight === undefined) return true
    // A folder that stayed for ignored things alone has something of its own again.
    if (entry.current !== absent) parent.shadow = false
    this.awaitParent(entry)
    this.x.queue(parent, this.x.urgent.has(entry))
    return false
  }

  /** The folder has gone, or is none any more: what waited for it goes, or is found to be gone too. */
  wakeChildren(parent: Entry): void {
    if (!this.awaited.delete(parent) || parent.children === null) return
    for (const child of parent.children.values()) {
      const wants = child.current !== child.agreed && !this.x.flights.has(child)
      if (wants || this.x.waiting.has(child)) this.x.queue(child, false)
    }
  }

  /** A folder leaves, or becomes something else, only when everything in it has left or is on its way. */
  childrenGone(entry: Entry, token: Token): boolean {
    if (kindOf(entry.agreed) !== 'dir' || token === folder || entry.children === null) return true
    let left = 0
    for (const child of entry.children.values()) {
      if (this.hasLeft(child)) continue
      left += 1
      this.x.queue(child, false)
    }
    if (left === 0) return true
    this.leaving.set(entry, left)
    this.x.waiting.add(entry)
    return false
  }

  private hasLeft(child: Entry): boolean {
    const flight = this.x.flights.get(child)
    return flight === undefined ? child.agreed === absent : flight.data === absent
  }

  /** A child has left or is on its way: the last one lets the folder go. */
  left(entry: Entry): void {
    const { parent } = entry
    if (parent === null) return
    const left = this.leaving.get(parent)
    if (left === undefined) return
    if (left > 1) this.leaving.set(parent, left - 1)
    else {
      this.leaving.delete(parent)
      this.x.queue(parent, false)
    }
  }
}

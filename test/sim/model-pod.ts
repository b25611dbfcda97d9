import { absent, type Token } from '../../syncer/core/content.ts'
import { isWithin, type Path } from '../../syncer/core/path.ts'
import { inOwn } from '../../syncer/disk/disk.ts'
import { type Line, ModelEnd, type Put, quietly } from './model-end.ts'
import { isFresh } from './model-graft.ts'
import type { Marker, Message, Said } from './model-message.ts'
import { contentAt } from './model-trash.ts'

const markerName = 'marker'

/** The pod's end: it says what it has and accepts what the laptop decides, unless somebody was faster here. */
export class ModelPod extends ModelEnd {
  #knowsBases = false
  /** BASES that wait for their marker to be written. */
  #bases: Extract<Message, { type: 'bases' }> | undefined

  protected greet(): void {
    if (this.#bases !== undefined) {
      this.#goLive()
      return
    }
    this.files.recover()
    for (const path of this.view.scan('').keys()) this.line(path)
    const entries: Said[] = []
    for (const [path, line] of this.lines) {
      const now = this.view.look(path)
      if (now !== absent || line.base !== absent)
        entries.push({ path, now, base: this.#knowsBases ? line.base : undefined })
    }
    this.send({ type: 'index', entries, marker: this.#readMarker(), knowsBases: this.#knowsBases })
  }

  override connect(): void {
    this.#bases = undefined
    super.connect()
  }

  protected receiveOther(message: Message): void {
    if (message.type === 'bases') {
      this.#bases = message
      this.greetAtMs = 0
    } else if (message.type === 'epoch') {
      if (quietly(() => this.#writeMarker(message.marker)))
        this.send({ type: 'epoch-done', epoch: message.marker.epoch })
    }
  }

  protected answerPut(put: Put, line: Line, now: Token): 'ack' | 'rej' | 'need' {
    if (now !== put.data) {
      if (now !== put.base && !this.without.has('base check')) return 'rej'
      const bytes = this.bytesOf(put)
      if (bytes === undefined) return 'need'
      if (!this.files.replace(put.path, now, put.data, bytes)) return 'rej'
    }
    line.base = put.data
    if (line.fly !== undefined) line.fly.stale = true
    return 'ack'
  }

  /** Only where nothing is known at and below the path: there no rule has to be asked path by path. */
  protected answerGraft({ path }: Put, id: number, now: Token): 'ack' | 'rej' {
    const isFree = [...this.lines].every(([below, line]) => !isWithin(below, path) || isFresh(line))
    if ((now !== absent || !isFree) && !this.without.has('subtrees replace nothing')) return 'rej'
    const planted = this.files.plant(id, path)
    if (planted === undefined) return 'rej'
    for (const member of planted) {
      const line = this.line(member.path)
      line.base = member.token
      line.dirty = true
    }
    return 'ack'
  }

  protected agree(_path: Path, line: Line, token: Token): void {
    line.base = token
  }

  protected aboutToSend(): void {}

  /** The marker first: until it is there, a cut makes this the first contact once more. */
  #goLive(): void {
    const { marker, entries } = this.#bases!
    if (this.without.has('marker before BASES count')) quietly(() => this.#writeMarker(marker))
    else this.#writeMarker(marker)
    this.#bases = undefined
    for (const line of this.lines.values()) line.base = absent
    for (const { path, agreed } of entries) this.line(path).base = agreed
    for (const line of this.lines.values()) line.dirty = true
    this.#knowsBases = true
    this.live = true
    this.send({ type: 'epoch-done', epoch: marker.epoch })
  }

  #readMarker(): Marker | undefined {
    const content = contentAt(this.disk, inOwn(markerName))
    return content === undefined ? undefined : JSON.parse(content.bytes.toString())
  }

  #writeMarker(marker: Marker): void {
    const temp = 'temp-marker'
    if (this.disk.stat(inOwn(temp)) !== null) this.disk.unlink(inOwn(temp))
    const file = this.disk.create(temp)
    try {
      file.write(Buffer.from(JSON.stringify(marker)))
    } finally {
      file.close()
    }
    this.disk.sync(inOwn(temp))
    this.disk.rename(inOwn(temp), inOwn(markerName))
    this.disk.sync(inOwn(markerName))
  }
}

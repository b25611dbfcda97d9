import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import type { Hand, SaveStyle } from './support/hand.ts'
import { eventually } from './support/until.ts'

const trials = 40
const styles: SaveStyle[] = ['append', 'atomic', 'in-place']

/** Two people, one file. */
describe('both ends edit one file', () => {
  let session: DevSession
  let inPod: Hand

  beforeAll(async () => {
    const files = Object.fromEntries(Array.from({ length: trials }, (_, i) => [`trial-${i}.txt`, `base ${i}\n`]))
    session = await DevSession.create({ purpose: 'conflicts', files: { ...files, 'offline.txt': 'base\n' } })
    await session.up()
    inPod = await session.handInPod()
  })

  afterAll(() => session[Symbol.asyncDispose]())

  it(`case 76a: within a second of each other, ${trials} times: no text is lost, no file is empty, both ends agree`, async () => {
    const files = Array.from({ length: trials }, (_, i) => `trial-${i}.txt`)
    // a file saved in place is empty for a moment by its writer's own doing
    const watched = files.filter((_, i) => styles[i % styles.length] !== 'in-place')
    await inPod.call('watchFiles', { files: watched.map(file => `/app/${file}`) })
    await session.onLaptop.call('watchFiles', { files: watched.map(file => join(session.folder, file)) })

    const overwritten: string[] = []
    for (let i = 0; i < trials; i++) {
      const how = styles[i % styles.length]!
      // the time between the two saves is what is varied: most of it within the few milliseconds where they cross
      const apart = i % 4 === 0 ? (i * 997) % 1000 : (i * 7) % 25
      const here = async () => {
        if (await session.onLaptop.addLine(join(session.folder, files[i]!), `laptop ${i}`, how))
          overwritten.push(`pod ${i}`)
      }
      const there = async () => {
        if (await inPod.addLine(`/app/${files[i]}`, `pod ${i}`, how)) overwritten.push(`laptop ${i}`)
      }
      const [first, second] = i % 2 === 0 ? [here, there] : [there, here]
      const saving = first()
      await pause(apart)
      await Promise.all([saving, second()])
    }
    await session.flush()
    await session.flush()

    for (const hand of [inPod, session.onLaptop]) {
      const { looks, seen } = await hand.call<{ looks: number; seen: object }>('unwatch')
      expect(looks).toBeGreaterThan(1000)
      expect(seen).toEqual({})
    }
    await session.expectSame(inPod)
    // what a person's own program went over in the last moment is nobody else's doing
    expect(overwritten.length).toBeLessThan(trials / 8)
    for (let i = 0; i < trials; i++) {
      const texts = textsOf(`trial-${i}`)
      for (const line of [`laptop ${i}`, `pod ${i}`]) {
        if (!overwritten.includes(line)) expect(texts, `trial ${i}`).toContain(`${line}\n`)
      }
      expect(readFileSync(join(session.folder, files[i]!), 'utf8')).toContain(`base ${i}\n`)
    }
  })

  it('case 32: while they are apart: the laptop’s keeps the name, the pod’s is kept beside it, and status tells', async () => {
    await session.laptop.killAll()
    session.save('offline.txt', 'the laptop’s text\n')
    await inPod.write('/app/offline.txt', 'the pod’s text\n')
    await session.up()
    await session.flush()
    const both = await session.expectSame(inPod)
    expect(await inPod.read('/app/offline.txt')).toBe('the laptop’s text\n')
    const copies = Object.keys(both).filter(path => path.startsWith('offline') && path !== 'offline.txt')
    expect(copies).toHaveLength(1)
    expect(await inPod.read(`/app/${copies[0]}`)).toBe('the pod’s text\n')
    const [status] = await session.laptop.devs(session.target)
    expect(status!.sync.conflicts).toContainEqual(expect.objectContaining({ path: 'offline.txt', copy: copies[0] }))
    await session.onLaptop.remove(join(session.folder, copies[0]!))
    await eventually(async () => {
      const [later] = await session.laptop.devs(session.target)
      expect(later!.sync.conflicts).not.toContainEqual(expect.objectContaining({ path: 'offline.txt' }))
    })
  })

  it('case 34: an edit meets a delete: the edit survives, whichever end made it', async () => {
    session.save('kept-1.txt', 'base')
    session.save('kept-2.txt', 'base')
    await session.flush()
    await session.laptop.killAll()
    await session.onLaptop.remove(join(session.folder, 'kept-1.txt'))
    await inPod.write('/app/kept-1.txt', 'edited in the pod')
    session.save('kept-2.txt', 'edited on the laptop')
    await inPod.remove('/app/kept-2.txt')
    await session.up()
    await session.flush()
    await session.expectSame(inPod)
    expect(await inPod.read('/app/kept-1.txt')).toBe('edited in the pod')
    expect(await inPod.read('/app/kept-2.txt')).toBe('edited on the laptop')
  })

  /** All texts of a file and of its conflict copies. */
  function textsOf(stem: string): string {
    const pattern = new RegExp(`^${stem}\\b(?!\\d)`)
    const names = readdirSync(session.folder).filter(name => pattern.test(name))
    return names.map(name => readFileSync(join(session.folder, name), 'utf8')).join('')
  }
})

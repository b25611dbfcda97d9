import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { drawRecording } from '../../demo/picture/draw.ts'
import { picturePath, type Recording, recordingPath, recordingText } from '../../demo/picture/recording.ts'
import { shownRows } from '../../demo/picture/screens.ts'
import { repository } from '../meta/source-tree.ts'

const read = (path: string) => readFileSync(join(repository, path), 'utf8')
const sizeBytesMax = 150_000

const small: Recording = {
  panes: [{ title: 'one', columns: 10, rows: 2 }],
  events: [
    { atMs: 10, pane: 0, data: 'ab' },
    { atMs: 15, pane: 0, data: 'c' },
    { atMs: 110, pane: 0, data: '\r\x1b[32mX\x1b[39m\r\n<1>\r\n' },
    { atMs: 210, pane: 0, data: 'last' },
  ],
}

describe('the picture of the README', () => {
  it('is its recording, drawn', async () => {
    const text = read(recordingPath)
    const recording: Recording = JSON.parse(text)
    expect(recordingText(recording)).toBe(text)
    const picture = await drawRecording(recording)
    // not `toBe`: nobody reads a difference of this size
    expect(read(picturePath) === picture, 'docs/session.svg is another one: npm run picture').toBe(true)
    expect(picture.length).toBeLessThan(sizeBytesMax)
  })

  it('shows what a session is about', () => {
    const picture = read(picturePath)
    for (const words of ['podswap up', 'is swapped', 'edited just now', 'is back as it was']) {
      expect(picture).toContain(words)
    }
  })

  it('tells nothing of the machine on which it was made', () => {
    expect(read(recordingPath)).not.toMatch(/\/(root|home|tmp|work|Users)\//)
  })

  it('needs no script, and has colours for light and dark', () => {
    const picture = read(picturePath)
    expect(picture).not.toMatch(/<script|href=|javascript:/)
    expect(picture).toContain('prefers-color-scheme:dark')
    expect(picture).toContain('prefers-reduced-motion')
  })
})

describe('drawing a recording', () => {
  it('tells which row showed what, and when', async () => {
    const rows = await shownRows(small, 20)
    expect(rows).toEqual([
      { pane: 0, row: 0, runs: [{ text: 'abc', style: '' }], fromMs: 20, untilMs: 120 },
      // the second line break moved the first row out
      { pane: 0, row: 0, runs: [{ text: '<1>', style: '' }], fromMs: 120 },
      { pane: 0, row: 1, runs: [{ text: 'last', style: '' }], fromMs: 220 },
    ])
  })

  it('keeps the terminal’s colours', async () => {
    const recording = { ...small, events: [{ atMs: 0, pane: 0, data: 'a\x1b[1;31mb\x1b[0;2mc' }] }
    const [row] = await shownRows(recording, 20)
    expect(row!.runs).toEqual([
      { text: 'a', style: '' },
      { text: 'b', style: 'bold red' },
      { text: 'c', style: 'dim' },
    ])
  })

  it('escapes what is shown, and marks what stays', async () => {
    const svg = await drawRecording(small)
    expect(svg).toMatch(/<text class="row stays t\w+"[^>]*>&lt;1&gt;<\/text>/)
    expect(svg).toMatch(/<text class="row t\w+"[^>]*>abc<\/text>/)
  })
})

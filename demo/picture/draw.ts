import type { Pane, Recording } from './recording.ts'
import { type Run, type ShownRow, shownRows } from './screens.ts'

const frameMs = 40
/** How long the last screen stays before it begins anew. */
const restMs = 6000
const [charWidth, lineHeight, fontSize] = [7.8, 17, 13]
const [margin, titleHeight, gap] = [12, 26, 10]

/**
 * The recording as an SVG that plays it at its own speed, without a script: each content of a row is a text that an
 * animation of the style sheet shows in its time. Where nothing moves (a still picture is asked for, or the viewer knows
 * no animations), it is the last screen.
 */
export async function drawRecording(recording: Recording): Promise<string> {
  const rows = await shownRows(recording, frameMs)
  const lengthMs = Math.max(0, ...recording.events.map(({ atMs }) => atMs)) + restMs
  const width = Math.max(...recording.panes.map(({ columns }) => columns)) * charWidth + 2 * margin
  const tops = paneTops(recording.panes)
  const height = tops.at(-1)! - gap
  const times = new Map<string, string>()
  const texts = rows.map(row => rowText(row, tops[row.pane]!, timeClass(row, times)))
  const frames = [...times].map(([time, name]) => keyframes(name, time, lengthMs))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${round(width)} ${height}" width="${round(width)}" height="${height}" role="img">`,
    '<title>podswap up, an edit, podswap down, in two terminals</title>',
    `<style>${styles(lengthMs)}${frames.join('')}</style>`,
    ...recording.panes.map((pane, index) => frame(pane, tops[index]!, width)),
    ...texts,
    '</svg>\n',
  ].join('\n')
}

/** Where each pane begins, and where the next one would. */
function paneTops(panes: Pane[]): number[] {
  const tops = [0]
  for (const { rows } of panes) tops.push(tops.at(-1)! + titleHeight + rows * lineHeight + margin + gap)
  return tops
}

function frame({ title, rows }: Pane, top: number, width: number): string {
  const height = titleHeight + rows * lineHeight + margin
  const box = `<rect class="pane" x="0.5" y="${top + 0.5}" width="${round(width - 1)}" height="${height - 1}" rx="8"/>`
  return `${box}\n<text class="dim" x="${margin}" y="${top + 18}">${escaped(title)}</text>`
}

function rowText({ row, runs }: ShownRow, top: number, time: string): string {
  const y = top + titleHeight + (row + 1) * lineHeight - 4
  const columns = runs.reduce((sum, { text }) => sum + [...text].length, 0)
  const size = `x="${margin}" y="${y}" textLength="${round(columns * charWidth)}"`
  return `<text class="${time}" ${size}>${runs.map(runText).join('')}</text>`
}

function runText({ text, style }: Run): string {
  return style === '' ? escaped(text) : `<tspan class="${style}">${escaped(text)}</tspan>`
}

/** Rows that come and go together share an animation; what stays is seen without one, too. */
function timeClass({ fromMs, untilMs }: ShownRow, times: Map<string, string>): string {
  const time = `${fromMs} ${untilMs ?? ''}`
  const name = times.get(time) ?? `t${times.size.toString(36)}`
  times.set(time, name)
  return untilMs === undefined ? `row stays ${name}` : `row ${name}`
}

function keyframes(name: string, time: string, lengthMs: number): string {
  const [fromMs = 0, untilMs] = time.trim().split(' ').map(Number)
  const at = (ms: number) => `${round((100 * ms) / lengthMs, 3)}%`
  const end = untilMs === undefined ? '' : `${at(untilMs)}{opacity:0}`
  return `.${name}{animation-name:${name}}@keyframes ${name}{0%{opacity:0}${at(fromMs)}{opacity:1}${end}}\n`
}

function styles(lengthMs: number): string {
  return `
svg{--ground:#f6f8fa;--line:#d0d7de;--ink:#1f2328;--faint:#59636e;--red:#b3261e;--green:#116329;--yellow:#7d4e00;--blue:#0550ae;--magenta:#8250df;--cyan:#1b6b75}
@media (prefers-color-scheme:dark){svg{--ground:#161b22;--line:#30363d;--ink:#e6edf3;--faint:#9198a1;--red:#ff7b72;--green:#56d364;--yellow:#e3b341;--blue:#79c0ff;--magenta:#d2a8ff;--cyan:#76e3ea}}
text{font:${fontSize}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:var(--ink);white-space:pre}
.pane{fill:var(--ground);stroke:var(--line)}
.bold{font-weight:bold}.dim{fill:var(--faint)}.red{fill:var(--red)}.green{fill:var(--green)}.yellow{fill:var(--yellow)}.blue{fill:var(--blue)}.magenta{fill:var(--magenta)}.cyan{fill:var(--cyan)}
.row{opacity:0;animation-duration:${lengthMs}ms;animation-timing-function:step-end;animation-iteration-count:infinite}
.stays{opacity:1}
@media (prefers-reduced-motion:reduce){.row{animation:none!important}}
`
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, char => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[char]!)
}

function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}

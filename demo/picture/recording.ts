/** What terminals showed, with its times: enough to show it again. */
export interface Recording {
  panes: Pane[]
  /** In the order of their times. */
  events: { atMs: number; pane: number; data: string }[]
}

export interface Pane {
  title: string
  columns: number
  rows: number
}

export const recordingPath = 'demo/picture/session.recording'
export const picturePath = 'docs/session.svg'

/** One event a line, so that a new recording can be read beside the old one. */
export function recordingText({ panes, events }: Recording): string {
  const lines = events.map(event => `    ${JSON.stringify(event)}`)
  return `{\n  "panes": ${JSON.stringify(panes)},\n  "events": [\n${lines.join(',\n')}\n  ]\n}\n`
}

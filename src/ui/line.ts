/** A line for a person. `busy` is what goes on now, until the next line. */
export interface Line {
  tone: 'good' | 'note' | 'warn' | 'bad' | 'busy'
  text: string
}

/** The line, and below it what can be done about it: a line each. */
export function withHint(line: Line, hint: string | undefined): Line[] {
  return [line, ...(hint?.split('\n') ?? []).map(text => ({ tone: 'note' as const, text }))]
}

/** A line for a person. `busy` is what goes on now, until the next line. */
export interface Line {
  tone: 'good' | 'note' | 'warn' | 'bad' | 'busy'
  text: string
}

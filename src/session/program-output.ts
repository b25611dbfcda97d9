import { StringDecoder } from 'node:string_decoder'
import type { UiEvent } from '../ui/events.ts'
import { ProgramView } from './program-view.ts'
import type { Session } from './run.ts'

const SIZE = { columns: 80, rows: 24 }

/** Where there is no terminal here: what the program prints in its own, as text, and its end. */
export function followOutput(session: Session, report: (event: UiEvent) => void): void {
  const text = new PlainText()
  const view = new ProgramView({
    output: chunk => {
      const plain = text.push(chunk)
      if (plain !== '') report({ type: 'output', stream: 'stdout', text: plain })
      return true
    },
    exit: exit => session.commandExited(exit),
    lost: error => report({ type: 'warning', message: `the program’s output cannot be followed: ${error.message}` }),
  })
  session.onLink((link, isSame) => (link ? view.open(link.agent, SIZE, isSame) : view.close()))
}

/** A terminal ends its lines with CR LF: a file or a pipe wants LF. */
export class PlainText {
  readonly #decoder = new StringDecoder('utf8')
  #held = ''

  push(chunk: Buffer): string {
    const text = this.#held + this.#decoder.write(chunk)
    this.#held = text.endsWith('\r') ? '\r' : ''
    return text.slice(0, text.length - this.#held.length).replaceAll('\r\n', '\n')
  }
}

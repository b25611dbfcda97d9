/*
 * What a program has switched on in the terminal (alternate screen, mouse reports, bracketed paste, a hidden cursor),
 * so that leaving the program while it runs can switch it off again. Reads the DEC private modes, `ESC [ ? Pm h` and
 * `ESC [ ? Pm l` (xterm, "Control Sequences").
 */

/** Modes that outlive a program which is only left, and that a shell does not set itself. */
const MODES = [
  1, // application cursor keys
  9, // mouse reports, and their forms up to 1016
  1000,
  1002,
  1003,
  1004,
  1005,
  1006,
  1015,
  1016,
  2004, // bracketed paste
  47, // alternate screen, and its forms
  1047,
  1049,
]
const CURSOR = 25
const ESCAPE = 0x1b
const SEQUENCE_LENGTH_MAX = 64

export class TerminalModes {
  readonly #on = new Set<number>()
  #cursorHidden = false
  /** What came after an ESC, while that may still become one of the sequences. */
  #sequence: string | null = null

  /** Looks through what the program prints. */
  push(chunk: Buffer): void {
    for (const byte of chunk) {
      if (byte === ESCAPE) this.#sequence = ''
      else if (this.#sequence !== null) this.#continue(this.#sequence + String.fromCharCode(byte))
    }
  }

  /** What switches everything off that is on. */
  undo(): string {
    const off = [...this.#on].map(mode => `\x1b[?${mode}l`)
    if (this.#cursorHidden) off.push(`\x1b[?${CURSOR}h`)
    return `${off.join('')}\x1b[m`
  }

  #continue(sequence: string): void {
    const match = /^\[\?([\d;]*)([hl])$/.exec(sequence)
    if (match) for (const mode of match[1]!.split(';')) this.#set(Number(mode), match[2] === 'h')
    const goesOn = /^\[(\?[\d;]*)?$/.test(sequence) && sequence.length < SEQUENCE_LENGTH_MAX
    this.#sequence = goesOn ? sequence : null
  }

  #set(mode: number, on: boolean): void {
    if (mode === CURSOR) this.#cursorHidden = !on
    if (!MODES.includes(mode)) return
    if (on) this.#on.add(mode)
    else this.#on.delete(mode)
  }
}

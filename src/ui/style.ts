import { styleText } from 'node:util'

export type Paint = (format: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string

/** Colours, or none at all. */
export function paintFor(colour: boolean): Paint {
  // The stream was looked at before: see `wantsColour`.
  return colour ? (format, text) => styleText(format, text, { validateStream: false }) : (_format, text) => text
}

/** Whether a stream gets colours: a terminal that understands them, and nobody said no (https://no-color.org). */
export function wantsColour(
  stream: { isTTY?: boolean },
  env: Record<string, string | undefined>,
  flag: { color?: boolean },
): boolean {
  if (flag.color === false || env.NO_COLOR) return false
  return stream.isTTY === true && env.TERM !== 'dumb'
}

const shownMax = 60

/** Control characters, and the invisible ones that turn or hide text. */
const unprintable = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** The text with nothing in it that a terminal would obey. */
export function printable(text: string): string {
  return text.replace(unprintable, '?')
}

/** A piece of the file for a message: short, in double quotes, with the escapes of JSON. */
export function quoteText(text: string): string {
  return printable(JSON.stringify(text.length > shownMax ? `${text.slice(0, shownMax)}…` : text))
}

/** A path on this machine, whole: its end is what tells it from others, and its length is the disk's matter. */
export function quotePath(path: string): string {
  return printable(JSON.stringify(path))
}

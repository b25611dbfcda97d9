const shownMax = 60

/** Control characters, and the invisible ones that turn or hide text. */
const unprintable = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** Text from the file for a message: with nothing in it that a terminal would obey, and short. */
export function printable(text: string, lengthMax = shownMax): string {
  return shortened(text, lengthMax).replace(unprintable, '?')
}

/** Likewise in double quotes, with the escapes of JSON. */
export function quoteText(text: string): string {
  return JSON.stringify(shortened(text, shownMax)).replace(unprintable, '?')
}

function shortened(text: string, lengthMax: number): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text
}

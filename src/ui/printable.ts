/** Names and messages come from pods and clusters: nothing in them may move the cursor, turn the writing round or forge a line. */
export function printable(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '\ufffd')
}

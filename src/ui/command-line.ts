/** A command as a person would type it; words with anything unusual in them are quoted. */
export function commandLine(command: string[]): string {
  return command.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
}

/** What the page says; set GREETING to say something else. */
export function greeting() {
  const name = process.env.GREETING ?? 'Hello'
  return `${name}!`
}

import { CleanUp } from '../test/e2e/support/clean-up.ts'

/** Undoes what the work set up when it is done, when it fails, and when the program is told to end: then it exits with 130. */
export async function withCleanUp(
  say: (text: string) => void,
  work: (cleanUp: CleanUp) => Promise<void>,
): Promise<void> {
  const cleanUp = new CleanUp()
  let disposed: Promise<void> | undefined
  const dispose = () => {
    disposed ??= cleanUp[Symbol.asyncDispose]()
    return disposed
  }
  const end = () => {
    // Ctrl-C comes more than once: from the terminal, and from the programs that started this one
    if (disposed) return
    say('cleaning up')
    dispose()
      .catch(error => say(String(error)))
      .finally(() => process.exit(130))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, end)
  try {
    await work(cleanUp)
  } finally {
    const isTold = disposed !== undefined
    await dispose()
    // what fails because its ground is gone is no news; the exit is under way
    if (isTold) await new Promise(() => {})
  }
}

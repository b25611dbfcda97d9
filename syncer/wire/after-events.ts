/** Calls back when what has arrived by now was handled: `setImmediate`, as a parameter. */
export type AfterEvents = (action: () => void) => void
